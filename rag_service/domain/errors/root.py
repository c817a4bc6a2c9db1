"""The root of the error tree."""

from __future__ import annotations


class RagError(Exception):
    """Anything this service reports on purpose."""
