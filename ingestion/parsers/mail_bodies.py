"""A mail's text where it comes twice: mail programs show the page, and what the plain text says besides is hidden."""

from __future__ import annotations

import re
from itertools import pairwise

from ingestion.parsers.extract import Extract, one_line

_WORD = re.compile(r"[^\W_]+")
_ADDRESS = re.compile(r"(?:https?://|mailto:)[^\s>\]]{1,2000}")
_SAID = 0.5
"""Least share of a paragraph's pairs of words that the page says, too; links and marks part some."""
_WHOLE = 0.5
"""Least share of the page's words that the plain text has; below, it only asks for a program that shows pages."""


def as_shown(plain: Extract, page: Extract) -> Extract:
    """The plain text as far as the page says it too, or the page where that is little; the rest is concealed."""
    if not page.elements or not plain.elements:
        return plain if plain.elements else page
    words = _words(" ".join(element.text for element in page.elements))
    pairs = _pairs(words)
    kept = [element for element in plain.elements if _share(element.text, pairs, set(words)) >= _SAID]
    unsaid = [one_line(element.text) for element in plain.elements if element not in kept]
    concealed = (*page.concealed, *(text for text in unsaid if any(map(str.isalpha, text))))
    if sum(len(_words(element.text)) for element in kept) < _WHOLE * len(words):
        return Extract(page.elements, concealed, page.title, page.disguised)
    return Extract(tuple(kept), concealed, plain.title, page.disguised)


def _words(text: str) -> list[str]:
    return _WORD.findall(_ADDRESS.sub(" ", text.lower()))


def _pairs(words: list[str]) -> set[tuple[str, str]]:
    return set(pairwise(words))


def _share(text: str, pairs: set[tuple[str, str]], words: set[str]) -> float:
    said = _words(text)
    if len(said) < 2:
        return float(words.issuperset(said))
    own = list(pairwise(said))
    return sum(pair in pairs for pair in own) / len(own)
