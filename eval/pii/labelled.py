"""Texts in which somebody marked what is personal: JSON with spans, and CoNLL with a tag a token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.datasets.beir import DatasetMalformed, DatasetMissing

_LAYOUT = "a file of texts is JSON with full_text and spans, or CoNLL with a token and a BIO tag a line"


@dataclass(frozen=True, slots=True)
class Span:
    """``text[start:end]`` is of this kind, or bears this label."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and what is marked in it, in order."""

    text: str
    spans: tuple[Span, ...]


def read_labelled(path: Path) -> list[LabelledText]:
    """The file's texts. CoNLL's tokens are joined by one space each, as where they stood is lost.

    Raises:
        DatasetMissing: no such file.
        DatasetMalformed: naming the place that does not fit, and quoting nothing.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise DatasetMissing(path, _LAYOUT) from None
    texts = list(_from_json(path, content) if content.lstrip()[:1] in {"[", "{"} else _from_conll(path, content))
    if not texts:
        raise DatasetMalformed(path, 1, _LAYOUT)
    return texts


def _from_json(path: Path, content: str) -> Iterator[LabelledText]:
    try:
        rows: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise DatasetMalformed(path, 1, "it is not JSON") from None
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
        try:
            text = str(row["full_text"])
            spans = [
                Span(str(span["entity_type"]), int(span["start_position"]), int(span["end_position"]))
                for span in row["spans"]
            ]
        except (KeyError, TypeError, ValueError):
            raise DatasetMalformed(path, number, "a text has full_text and spans") from None
        if any(not 0 <= span.start < span.end <= len(text) for span in spans):
            raise DatasetMalformed(path, number, "a span reaches outside its text")
        yield LabelledText(text, tuple(sorted(spans, key=lambda span: span.start)))


def _from_conll(path: Path, content: str) -> Iterator[LabelledText]:
    rows: list[tuple[str, str]] = []
    for number, line in enumerate([*content.splitlines(), ""], 1):
        fields = line.split("\t") if "\t" in line else line.split()
        if not line.strip():
            if rows:
                yield _sentence(rows)
            rows = []
            continue
        token, tag = fields[0].strip(), fields[-1].strip()
        if len(fields) < 2 or not (tag == "O" or tag[:2] in {"B-", "I-"}):
            raise DatasetMalformed(path, number, "a line holds a token and a tag: O, B-label or I-label")
        rows.append((token, tag))


def _sentence(rows: list[tuple[str, str]]) -> LabelledText:
    spans: list[Span] = []
    text = ""
    before = "O"
    for token, tag in rows:
        start = len(text) + bool(text)
        text = f"{text} {token}" if text else token
        if tag.startswith("B-") or (tag != "O" and before[2:] != tag[2:]):
            spans.append(Span(tag[2:], start, len(text)))
        elif tag != "O":
            spans[-1] = Span(tag[2:], spans[-1].start, len(text))
        before = tag
    return LabelledText(text, tuple(spans))
