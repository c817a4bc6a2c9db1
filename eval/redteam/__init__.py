"""Planted instructions against a model that obeys them all: what gets out is counted."""
