"""What an answer can be put together from: the lines and sentences of passages, and what introduces each.

A list item or table row says little without its heading ("Eligibility:"), so that each unit knows its lead: the
nearest heading or introducing line before it. Units between two leads make a group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from rag_service.domain.answer import Passage
from rag_service.lexical import terms, words
from rag_service.sentences import sentence_spans

MOST_UNITS = 200
"""Units of a passage that are looked at. A passage of ours has some ten; a hostile one could have thousands."""
LONGEST = 2_000
"""Characters of a unit. A longer line is no sentence."""
_HEADING_WORDS = 8
_ITEM = re.compile(r"\s{0,9}(?:[-*•▪◦‣–]|\(?\d{1,2}[.)]|\(?[a-zA-Z][.)])\s")
_NUMBERED = re.compile(r"\s{0,9}(?:\(?\d{1,2}[.)]|[Ss]tep \d)")
_MAIL_HEAD = re.compile(r"(?:From|To|Cc|Bcc|Reply-To|Sent|Date|Subject): ")
_LABELLED = re.compile(r"[^:]{2,50}:\s\S")


@dataclass(frozen=True, slots=True)
class Unit:
    """A span of ``passages[rank]``, on one line as ``text``. ``lead`` and ``place`` are indexes in ``units_of``.

    ``is_lead`` units introduce others. ``group`` is the same for a lead and what it introduces.
    """

    text: str
    rank: int
    place: int
    group: int
    lead: int | None
    is_lead: bool
    is_heading: bool
    is_labelled: bool
    length: int
    terms: frozenset[str]

    @property
    def is_whole_sentence(self) -> bool:
        return self.text.endswith((".", "!", "?", "。"))  # the last is that of Chinese and Japanese

    @property
    def is_mail_head(self) -> bool:
        """Whether it tells who wrote to whom, or when, as in the head of an e-mail."""
        return bool(_MAIL_HEAD.match(self.text))

    @property
    def is_numbered(self) -> bool:
        return bool(_NUMBERED.match(self.text))


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    has_own_line: bool
    names_section: bool
    length: int

    @property
    def stands_in_prose(self) -> bool:
        """What a heading is seen by: sentences, items and labelled lines stand beside it, not others like it."""
        ends = self.text.endswith((".", "!", "?", ";"))
        return ends or bool(_LABELLED.match(self.text) or _ITEM.match(self.text))


def units_of(passages: Sequence[Passage]) -> list[Unit]:
    """The units of all passages, in order. What has no content word is left out, and what is too long for a line."""
    units: list[Unit] = []
    group = 0
    for rank, passage in enumerate(passages):
        lead: int | None = None
        after_lead = False
        group += 1
        lines = _lines(passage)
        for at, line in enumerate(lines):
            found = frozenset(terms(line.text))
            if not found:
                continue
            is_heading = line.names_section or _is_heading(lines, at)
            is_lead = is_heading or line.text.endswith(":")
            if is_lead and not after_lead:
                group += 1
            units.append(
                Unit(
                    text=line.text,
                    rank=rank,
                    place=len(units),
                    group=group,
                    lead=None if is_heading else lead,
                    is_lead=is_lead,
                    is_heading=is_heading,
                    is_labelled=bool(_LABELLED.match(line.text)),
                    length=line.length,
                    terms=found,
                )
            )
            after_lead = is_lead
            if is_lead:
                lead = len(units) - 1
    return units


def _lines(passage: Passage) -> list[_Line]:
    names = {" ".join(words(name)) for name in (passage.title, *(passage.section or "").split(" > "))}
    return [_line(passage.text, start, end, names) for start, end in _spans(passage.text)]


def _spans(text: str) -> Iterator[tuple[int, int]]:
    return islice(((start, end) for start, end in sentence_spans(text) if end - start <= LONGEST), MOST_UNITS)


def _line(text: str, start: int, end: int, names: set[str]) -> _Line:
    said = words(text[start:end])
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    return _Line(
        text=" ".join(text[start:end].split()),
        has_own_line=(not before or before in "\n\r") and (not after or after in "\n\r"),
        names_section=" ".join(said) in names,
        length=len(said),
    )


def _is_heading(lines: Sequence[_Line], at: int) -> bool:
    """A short line of its own that is no item and opens what is told in another manner."""
    line = lines[at]
    if not line.has_own_line or line.length > _HEADING_WORDS or line.stands_in_prose or "," in line.text:
        return False
    if at + 1 == len(lines) or not lines[at + 1].stands_in_prose:
        return False
    return at == 0 or lines[at - 1].stands_in_prose or lines[at - 1].names_section
