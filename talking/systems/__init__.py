"""A folder per system; a system knows the shared rooms and never another system."""
