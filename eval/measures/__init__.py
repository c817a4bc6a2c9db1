"""Measures, named as in the literature."""
