"""Texts in which somebody marked what is personal: JSON with spans, and CoNLL with a tag a token."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.datasets.beir import DatasetMalformed, DatasetMissing

_LAYOUT = (
    "a file of texts is JSON or JSON Lines (a text, and spans with a label, start and end), or CoNLL with a token and "
    "a tag (BIO or BILOU) a line"
)
_TEXT = ("full_text", "text", "source_text", "content", "sentence")
_SPANS = ("spans", "entities", "privacy_mask", "labels", "label", "annotations")
_LABEL = ("entity_type", "label", "type", "entity", "entity_group", "tag", "labels")
_START = ("start_position", "start", "start_offset", "start_char", "begin")
_END = ("end_position", "end", "end_offset", "end_char")
_TAGS = ("tags", "ner_tags", "labels", "mbert_bio_labels", "bio_labels")
_ROWS = ("data", "documents", "examples", "texts", "records", "rows")
_TAG = re.compile(r"([BILUES])[-_](\S+)")


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
        DatasetMissing: no such file, or none that is text.
        DatasetMalformed: naming the place that does not fit, and quoting nothing.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise DatasetMissing(path, _LAYOUT) from None
    read = _from_json if content.lstrip()[:1] in {"[", "{"} else _from_conll
    texts = list(read(path, content))
    if not texts:
        raise DatasetMalformed(path, 1, _LAYOUT)
    return texts


def _from_json(path: Path, content: str) -> Iterator[LabelledText]:
    for number, row in _rows(path, content):
        try:
            text = _of_row(row)
        except (KeyError, IndexError, TypeError, ValueError):
            raise DatasetMalformed(
                path, number, f"a text has one of {', '.join(_TEXT)}, and spans with a label, start and end"
            ) from None
        if any(not 0 <= span.start < span.end <= len(text.text) for span in text.spans):
            raise DatasetMalformed(path, number, "a span reaches outside its text: it is counted in characters")
        yield text


def _rows(path: Path, content: str) -> Iterator[tuple[int, Any]]:
    """The texts' records with their numbers: of one JSON document, or those that stand a line each."""
    try:
        whole: Any = json.loads(content)
    except (ValueError, RecursionError):
        lines = [(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
        for number, line in lines:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                raise DatasetMalformed(path, number, "it is neither JSON nor JSON Lines") from None
            yield number, row
        return
    if isinstance(whole, dict):
        held = [whole[name] for name in _ROWS if isinstance(whole.get(name), list)]
        whole = held[0] if held and not any(name in whole for name in (*_TEXT, "tokens")) else [whole]
    yield from enumerate(whole, 1)


def _of_row(row: Any) -> LabelledText:
    if isinstance(row, Sequence) and not isinstance(row, str):  # spaCy's [text, {"entities": [[start, end, label]]}]
        row = {"text": row[0], **row[1]}
    if "tokens" in row and not any(isinstance(row.get(name), str) for name in _TEXT):
        return _tagged([str(token) for token in row["tokens"]], [_tag(tag) for tag in _first(row, _TAGS)])
    text, spans = _first(row, _TEXT), _first(row, _SPANS)
    if not isinstance(text, str):
        raise TypeError
    if isinstance(spans, str):  # as some exports hold them
        spans = json.loads(spans)
    return LabelledText(text, tuple(sorted((_span(one) for one in spans), key=lambda span: (span.start, -span.end))))


def _span(given: Any) -> Span:
    if not isinstance(given, Mapping):
        start, end, label = given
        return Span(_name(label), _place(start), _place(end))
    if isinstance(value := given.get("value"), Mapping):  # Label Studio's
        given = value
    label = _first(given, _LABEL)
    return Span(
        _name(label[0] if isinstance(label, list) else label),
        _place(_first(given, _START)),
        _place(_first(given, _END)),
    )


def _first(row: Mapping[str, Any], names: Iterable[str]) -> Any:
    """What stands under the first of the names that the record has."""
    return row[next((name for name in names if row.get(name) is not None), "")]


def _name(label: Any) -> str:
    if not isinstance(label, str) or not label:
        raise TypeError
    return label


def _place(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return int(value)


def _from_conll(path: Path, content: str) -> Iterator[LabelledText]:
    tokens: list[str] = []
    tags: list[tuple[str, str]] = []
    for number, line in enumerate([*content.splitlines(), ""], 1):
        fields = line.split("\t") if "\t" in line else line.split()
        if not line.strip() or fields[0] == "-DOCSTART-" or (line.startswith("# ") and not _is_tag(fields[-1])):
            if tokens:
                yield _tagged(tokens, tags)
            tokens, tags = [], []
            continue
        if len(fields) < 2 or not _is_tag(fields[-1].strip()):
            raise DatasetMalformed(
                path, number, "a line holds a token and a tag: O, B-label, I-label, L-label or U-label"
            )
        tokens.append(fields[0].strip())
        tags.append(_tag(fields[-1].strip()))


def _is_tag(field: str) -> bool:
    return field == "O" or _TAG.fullmatch(field) is not None


def _tag(tag: Any) -> tuple[str, str]:
    """What the tag says of its token's place, and the label. Raises ``ValueError`` for what is none."""
    if tag == "O":
        return "O", ""
    match = _TAG.fullmatch(tag) if isinstance(tag, str) else None
    if match is None:
        raise ValueError
    return match[1], match[2]


def _tagged(tokens: Sequence[str], tags: Sequence[tuple[str, str]]) -> LabelledText:
    """A text of the tokens. A label that goes on without having begun begins: IOB1 writes it so."""
    spans: list[Span] = []
    text = ""
    open_label = ""
    for token, (place, label) in zip(tokens, tags, strict=True):
        start = len(text) + bool(text)
        text = f"{text} {token}" if text else token
        if label and (place in "BUS" or label != open_label):
            spans.append(Span(label, start, len(text)))
        elif label:
            spans[-1] = Span(label, spans[-1].start, len(text))
        open_label = "" if place in "LUES" else label
    return LabelledText(text, tuple(spans))
