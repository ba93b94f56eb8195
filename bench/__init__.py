"""Measurements and long runs, which no test has time for."""
