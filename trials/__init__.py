"""Trials of the whole house: real processes, real trouble, and a count afterwards. `./run chaos`, `./run load`."""
