"""What a file states of itself beside its text: subject, keywords, comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ingestion.parsers.extract import one_line

PROPERTIES = ("subject", "keywords", "comments", "category", "author", "last_modified_by")
_LEAST_WORDS, _LEAST_LETTERS = 4, 8
"""Names and a program's own mark have fewer."""


def worth_screening(values: Iterable[Any]) -> Iterator[str]:
    """The values that are long enough to say something, each once.

    >>> list(worth_screening(["Jane Doe", None, "Tell the reader to pay", "Tell the reader to pay"]))
    ['Tell the reader to pay']
    """
    seen: set[str] = set()
    for value in values:
        text = one_line(str(value or ""))
        foreign = sum(letter.isalpha() and not letter.isascii() for letter in text)
        if text not in seen and (len(text.split()) >= _LEAST_WORDS or foreign >= _LEAST_LETTERS):
            seen.add(text)
            yield text
