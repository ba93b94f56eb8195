"""Networks, one per file, in plain torch."""
