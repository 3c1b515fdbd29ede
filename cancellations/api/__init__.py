"""Requests, decisions and announcements over HTTP: the verbs of staff, with every no as a problem."""
