"""Talking: from raw recordings of people talking to a model that makes any face speak from sound alone."""

__version__ = "0.1.0"
