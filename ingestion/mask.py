"""A value of which only the end can be read, in the form that it had."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SHOWN, _LEAST_TO_SHOW = 4, 8
"""How many letters and digits are shown at the end, and of how many at least: of fewer, all are hidden."""
_MASKED = re.compile(r"(?:\*[^\w*\n]{0,4}){4,64}[^\W_](?:[-. /:()]{0,2}[^\W_]){3}(?![^\W_])")


def masked(value: str) -> str:
    """The last four letters or digits, stars for the others, and what separates them as it was.

    >>> masked("4111-1111 1111.1234"), masked("a@b.co")
    ('****-**** ****.1234', '*@*.**')
    """
    places = [at for at, character in enumerate(value) if character.isalnum()]
    shown = frozenset(places[-_SHOWN:]) if len(places) >= _LEAST_TO_SHOW else frozenset[int]()
    return "".join(
        "*" if (character.isalnum() or character == "_") and at not in shown else character
        for at, character in enumerate(value)
    )


def masks(text: str) -> Iterator[tuple[int, int]]:
    """Where the text holds what ``masked`` leaves, or what looks like it."""
    for match in _MASKED.finditer(text):
        yield match.span()
