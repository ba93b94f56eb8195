"""The demo corpus: GRID in small, drawn and spoken by code."""
