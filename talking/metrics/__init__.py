"""Measures of made video against true video."""
