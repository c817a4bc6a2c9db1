"""Poisoned documents: how often a false claim becomes the answer, and what vetting costs honest ones."""
