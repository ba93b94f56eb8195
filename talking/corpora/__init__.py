"""Readers of corpora: from the folders of GRID, TCD-TIMIT and the demo corpus to clips."""
