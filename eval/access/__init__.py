"""Leaks as a number: tenants, users and documents are made up, planted with canaries, and probed by everybody."""
