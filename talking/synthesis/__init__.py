"""Codes of a generator become frames, fast, on whatever device there is."""
