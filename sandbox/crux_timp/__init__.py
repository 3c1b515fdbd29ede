"""Crux Connect's orders API, release TIMP, as its suppliers and retailers see it.

Source of the contract: the public documentation at docs.cruxconnect.com in its state of March 2019, and where that is
silent its older revisions. It says little and contradicts itself; each such place has a switch.
"""
