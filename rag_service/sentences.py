"""Where sentences begin and end, by rules that need no model.

Used by the chunker, which cuts long blocks between sentences, and by the extractive answerer, which quotes them.
"""

from __future__ import annotations

import re

_ABBREVIATIONS = frozenset(
    """mr mrs ms dr prof rev hon gen col capt lt sgt st jr sr vs cf al approx dept est gov fig figs eq eqs sec secs vol
    vols ed eds pp ch chap art para ref refs incl excl resp ext tel co inc ltd corp pvt e.g i.e viz ca jan feb mar apr
    jun jul aug sep sept oct nov dec""".split()
)
_NUMBERED = frozenset({"no", "nos", "p", "pg", "art", "cl"})
"""Abbreviations only before a number: "No. 5", but "He said no. Then he left."."""

_LINE = re.compile(r"[^\n\r\u2028\u2029\v\f]+")
# Only the first mark of a run begins a match: else "....." is read once for every dot of it.
_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”’）]*")
_LAST_WORD = re.compile(r"(?:\w+\.)*\w+$")
_ENUMERATOR = re.compile(r"\s*[(\[]?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})$")
_WORD_TAIL = 24
"""How far back an abbreviation is looked for; a bound keeps the search linear."""


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Spans of sentences, in order, trimmed of white space; together they hold every character that is not.

    The end of a line ends a sentence, as it does in lists and tables, unless the next line clearly goes on: it
    begins in lower case and this one does not end in punctuation.

    >>> text = "Dr. Lee paid 3.5 million. He left at 5 p.m. on Monday!"
    >>> [text[a:b] for a, b in sentence_spans(text)]
    ['Dr. Lee paid 3.5 million.', 'He left at 5 p.m. on Monday!']
    """
    spans: list[tuple[int, int]] = []
    for start, end in _paragraph_spans(text):
        begin = start
        for match in _END.finditer(text, start, end):
            if _ends_sentence(text, begin, match.start(), match.end(), end):
                _append_trimmed(spans, text, begin, match.end())
                begin = match.end()
        _append_trimmed(spans, text, begin, end)
    return spans


def _paragraph_spans(text: str) -> list[tuple[int, int]]:
    """Runs of lines within which a sentence may go on over a line end."""
    spans: list[tuple[int, int]] = []
    for match in _LINE.finditer(text):
        start, end = match.span()
        line = match.group().strip()
        if not line:
            continue
        if spans and line[0].islower() and _goes_on(text, spans[-1], start):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def _goes_on(text: str, before: tuple[int, int], start: int) -> bool:
    between = text[before[1] : start].replace("\r\n", "\n")
    last = text[max(before[0], before[1] - _WORD_TAIL) : before[1]].rstrip()[-1:]
    return len(between) == 1 and bool(last) and (last.isalnum() or last in ",-–—()'’\"”%&/")


def _ends_sentence(text: str, begin: int, mark: int, after: int, end: int) -> bool:
    """Whether the punctuation at ``text[mark:after]`` ends the sentence that began at ``begin``."""
    if text[mark] in "。！？":
        return True
    following = text[after : after + _WORD_TAIL].lstrip()[:1] if after < end else ""
    if following.islower():
        return False
    if text[mark] != "." or text[mark : mark + 2] == "..":
        return True
    head = text[max(begin, mark - _WORD_TAIL) : mark]
    if mark - begin <= 8 and _ENUMERATOR.match(text[begin:mark]):
        return False
    word = _LAST_WORD.search(head)
    if word is None:
        return True
    last = word.group()
    if last.lower() in _ABBREVIATIONS or (len(last) == 1 and last.isupper()):
        return False
    if last.lower() in _NUMBERED and following.isdigit():
        return False
    return not re.fullmatch(r"(?:[A-Z]\.)+[A-Z]", last)


def _append_trimmed(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    if left < len(piece):
        spans.append((start + left, start + len(piece.rstrip())))
