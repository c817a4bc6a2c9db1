"""Records (of JSON, of XML) as text: a heading that says which record, and a line ``name: value`` for each value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, Union

from ingestion.parsers.extract import Extract, Outline, one_line, tidy
from ingestion.parsers.tables import table_text
from rag_service.domain.document import BlockKind, Element

_TITLES = ("title", "name", "label", "heading", "headline", "subject", "question", "full name", "display name", "term")
_WRAPPERS = frozenset(
    """section sections chapter part article div item items entry entries node record records row rows list body info
    head header data result results content contents document documents root channel metadata meta value values
    orderedlist itemizedlist variablelist sect1 sect2 sect3 front back sec group""".split()
)
_NUMBERS = ("id", "key", "code", "number", "slug", "uuid")
_LONGEST_LABEL = 120
_PROSE = 200
"""Letters of a value that is prose: it is a paragraph of its own, which can be cut between sentences."""

_LONG_ITEM = 80
_DATA = re.compile(r"\S{1000}")
_MAX_FLAT_FIELDS = 12
_MAX_FLAT_LENGTH = 600
_MAX_DEPTH = 40
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])")
_JOINTS = re.compile(r"[_\s]+")


@dataclass(frozen=True, slots=True)
class Record:
    """Named values in order. A value without a name is a paragraph."""

    fields: tuple[tuple[str, Value], ...]


Value: TypeAlias = Union[str, "list[Value]", Record]


def record_extract(value: Value, *, title: str | None = None, each: str = "record") -> Extract:
    """The elements of a file that holds ``value``; the items of a list are called ``each``, with a number."""
    text = _RecordText(each)
    text.root(value)
    return Extract(tuple(text.elements), tuple(text.data), title)


def spoken(name: str) -> str:
    """A field's name as words.

    >>> spoken("opening_hours"), spoken("openingHours"), spoken("userID")
    ('opening hours', 'opening hours', 'userID')
    """
    parts = _CAMEL.split(name)
    return one_line(_JOINTS.sub(" ", " ".join([*parts[:1], *(part[:1].lower() + part[1:] for part in parts[1:])])))


def says_something(name: str) -> bool:
    """Whether a name tells what it holds, rather than that it holds something."""
    return bool(name) and name.casefold() not in _WRAPPERS


def label_of(record: Record) -> str | None:
    """What a record calls itself: its title or name."""
    return _field(record, _TITLES)


class _RecordText:
    def __init__(self, each: str) -> None:
        self._each = each
        self.elements: list[Element] = []
        self.data: list[str] = []
        """Long runs without a space, such as encoded files: nobody reads them, and they are screened."""
        self._outline = Outline()
        self._lines: list[str] = []

    def root(self, value: Value) -> None:
        if isinstance(value, list):
            self._items(self._each, value, 1)
        elif isinstance(value, Record):
            self._fields(value, 1, is_root=True)
        else:
            self._plain("", value)
        self._flush()

    def _fields(self, record: Record, level: int, *, is_root: bool = False) -> None:
        for name, value in record.fields:
            if isinstance(value, str):
                self._plain(name, value)
            elif isinstance(value, list) and _are_plain(value):
                self._plain(name, _listed(value))
            elif level > _MAX_DEPTH:
                self._plain(name, " ".join(_leaves(value)))
            elif isinstance(value, Record):
                if (lines := _flat(value)) is not None and not (is_root and len(lines) > 3):
                    self._lines += [f"{name} {line}" if name else line for line in lines]
                else:
                    self._nested(name, value, level)
            elif not is_root and (rows := _flat_rows(value)):
                self._lines += [f"{name}: {row}" if name else row for row in rows]
            else:
                self._flush()
                if says_something(name):
                    self._outline.enter(level, name)
                self._items(name, value, level + 1)
                self._leave(level)

    def _items(self, name: str, items: Sequence[Value], level: int) -> None:
        rows = [[str(cell) for cell in item] for item in items if isinstance(item, list) and _are_plain(item)]
        if len(rows) == len(items):
            self._add(table_text(rows), BlockKind.TABLE)
            return
        for number, item in enumerate(items, start=1):
            if isinstance(item, str):
                self._plain("", item)
            elif isinstance(item, list):
                self._flush()
                self._items(name, item, level)
            else:
                self._nested(label_of(item) or f"{name} {_number(item) or number}".strip(), item, level, named=True)

    def _nested(self, name: str, record: Record, level: int, *, named: bool = False) -> None:
        """A record in a section of its own, under its heading."""
        self._flush()
        label = label_of(record)
        if named:
            heading = name
        elif label:
            heading = f"{name}: {label}" if says_something(name) else label
        else:
            heading = (
                name if says_something(name) and any(key and isinstance(one, str) for key, one in record.fields) else ""
            )
        if heading and level <= _MAX_DEPTH:
            self._outline.enter(level, heading)
            self.elements.append(Element(one_line(heading), BlockKind.TITLE, section=self._outline.path))
        if label:  # the heading says it
            record = Record(tuple((key, value) for key, value in record.fields if value != label or not _is_title(key)))
        self._fields(record, level + 1, is_root=not heading)
        self._leave(level)

    def _leave(self, level: int) -> None:
        self._flush()
        self._outline.leave(level)

    def _plain(self, name: str, text: str) -> None:
        if not text.strip():
            return
        if _DATA.search(text):
            self.data.append(text)
        elif len(text) > _PROSE or not name:
            self._flush()
            self._add(tidy(f"{name}: {text}" if name else text), BlockKind.TEXT)
        else:
            self._lines.append(f"{name}: {one_line(text)}")

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        self._add("\n".join(lines), BlockKind.TABLE)

    def _add(self, text: str, kind: BlockKind) -> None:
        if text.strip():
            self.elements.append(Element(text, kind, section=self._outline.path))


def _field(record: Record, names: Iterable[str]) -> str | None:
    held = {name.casefold(): value for name, value in reversed(record.fields) if isinstance(value, str)}
    found = (one_line(held.get(name, "")) for name in names)
    return next((text for text in found if text and len(text) <= _LONGEST_LABEL), None)


def _number(record: Record) -> str | None:
    """What a record without a name is told from others by."""
    ids = [name.casefold() for name, _ in record.fields if name.casefold().endswith(" id")]
    return _field(record, (*_NUMBERS, *ids[:1]))


def _is_title(name: str) -> bool:
    return name.casefold() in _TITLES


def _are_plain(items: Sequence[Value]) -> bool:
    return all(isinstance(item, str) for item in items)


def _listed(items: Sequence[Value]) -> str:
    texts = [item for item in items if isinstance(item, str) and item.strip()]
    is_prose = sum(map(len, texts)) > _PROSE and any("\n" in text or len(text) > _LONG_ITEM for text in texts)
    return ("\n" if is_prose else ", ").join(texts)


def _flat(record: Record) -> list[str] | None:
    """The lines of a small record that holds no other one and does not name itself; None where it is no such record."""
    lines = []
    for name, value in record.fields:
        text = _listed(value) if isinstance(value, list) and _are_plain(value) else value
        if not isinstance(text, str) or not name or _is_title(name):
            return None
        if text.strip():
            lines.append(f"{name}: {one_line(text)}")
    fits = len(lines) <= _MAX_FLAT_FIELDS and sum(map(len, lines)) <= _MAX_FLAT_LENGTH
    return lines if fits else None


def _flat_rows(items: Sequence[Value]) -> list[str]:
    """A line for each small record of a list; none where one of them is not small, or the list is long."""
    rows = []
    for item in items:
        if not isinstance(item, Record):
            return []
        unnamed = Record(tuple((f"{name} " if _is_title(name) else name, value) for name, value in item.fields))
        lines = _flat(unnamed)
        if lines is None:
            return []
        rows.append("; ".join(line.replace(" : ", ": ", 1) for line in lines))
    return rows if sum(map(len, rows)) <= 2 * _MAX_FLAT_LENGTH else []


def _leaves(value: Value) -> Iterator[str]:
    """Every text in a value, however deep."""
    rest: list[Value] = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            yield one
        else:
            rest += reversed(one if isinstance(one, list) else [held for _, held in one.fields])
