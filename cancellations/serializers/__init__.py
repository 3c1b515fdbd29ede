"""Requests and decisions on the wire."""
