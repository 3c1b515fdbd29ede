"""A strict simulator of the marketplaces Countermand talks to, run as a process of its own.

Nothing here imports the product, and the product imports nothing from here: the two share the wire format only.
What it answers, refuses and lets a test control is described in ``docs/sandbox.md``.
"""
