"""Loss functions, one family per file."""
