"""Fills a JSON schema from passages, without a model: every value is written in a passage, or it is left out.

A property's name, title and description say what is looked for. A line may give its value if it, its lead or its
section names the greater part of that; of several lines, the one that names most, and then the likeliest answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from rag_service.domain.answer import Passage
from rag_service.lexical import terms
from rag_service.ports import Embedder
from rag_service.query.extract import Candidate, candidates
from rag_service.query.extract_spans import (
    address_in,
    as_number,
    date_in,
    labelled_parts,
    member_in,
    number_in,
    truth_in,
)
from rag_service.query.extract_units import Unit, units_of

MOST_PROPERTIES = 24
"""Properties that are looked for; each costs as much as an answer."""
_MOST_ITEMS = 30
_NAMED = 0.5
_SPLIT_NAME = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.\s]+")
_SEPARATOR = re.compile(r",\s+(?:and\s+|or\s+)?|\s+and\s+|\s*/\s*")

Taker = Callable[[str, "_Sought"], Any]


@dataclass(frozen=True, slots=True)
class _Sought:
    """A property: its schema, and the stems that name it."""

    schema: Mapping[str, Any]
    named: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Source:
    question: str
    passages: Sequence[Passage]
    units: Sequence[Unit]
    contexts: Sequence[frozenset[str]]
    embedder: Embedder
    is_one_value: bool


def extract_values(
    question: str, schema: Mapping[str, Any], passages: Sequence[Passage], embedder: Embedder
) -> object | None:
    """A value of the schema's type, as far as passages give it; an object without what was not found. None: nothing.

    Objects may hold objects, one level deep. What is ``required`` is the caller's to check.
    """
    units = units_of(passages)
    sections = [frozenset(terms(f"{one.title} {one.section or ''}")) for one in passages]
    contexts = [
        unit.terms | sections[unit.rank] | (units[unit.lead].terms if unit.lead is not None else frozenset())
        for unit in units
    ]
    source = _Source(question, passages, units, contexts, embedder, is_one_value=_leaves(schema) == 1)
    return _value("", schema, source, depth=0)


def _leaves(schema: Mapping[str, Any]) -> int:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return 1
    return sum(_leaves(one) for one in properties.values() if isinstance(one, Mapping))


def _value(name: str, schema: Mapping[str, Any], source: _Source, depth: int) -> object | None:
    kind = _kind(schema)
    if kind == "object":
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or depth > 1:
            return None
        found = {
            key: _value(f"{name} {key}", sub, source, depth + 1)
            for key, sub in list(properties.items())[:MOST_PROPERTIES]
            if isinstance(sub, Mapping)
        }
        return {key: value for key, value in found.items() if value is not None} or None
    taker = _TAKERS.get(kind)
    if taker is None:
        return None
    words = " ".join([*_SPLIT_NAME.split(name), *(str(schema.get(key, "")) for key in ("title", "description"))])
    named = _named(name, schema, source)
    ranked = _ranked(words, named, source)
    sought = _Sought(schema, named)
    if kind == "array":
        return _items(ranked, sought, source)
    for one in ranked:
        for text in _readings(one.unit, named, source):
            value = taker(text, sought)
            if value is not None:
                return value  # type: ignore[no-any-return]  # a value of JSON
    return None


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "enum"
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), None)
    return kind if isinstance(kind, str) else ""


def _named(name: str, schema: Mapping[str, Any], source: _Source) -> frozenset[str]:
    """The stems that name the property, as far as passages hold them; else what the question asks for.

    A description helps only where name and title say nothing that the passages know. Which of several values a list
    answers the question for, the question cannot tell.
    """
    held = frozenset[str]().union(*source.contexts)
    own = " ".join(_SPLIT_NAME.split(name))
    question = source.question if source.is_one_value or _kind(schema) != "array" else ""
    for text in (f"{own} {schema.get('title', '')}", str(schema.get("description", "")), question):
        if known := frozenset(terms(text)) & held:
            return known
    return frozenset()


def _ranked(words: str, named: frozenset[str], source: _Source) -> list[Candidate]:
    """The candidates that name what is sought, best first."""
    found = candidates(f"{source.question} {words}".strip(), source.units, source.passages, source.embedder)
    shares = {
        one.unit.place: len(source.contexts[one.unit.place] & named) / len(named) if named else 0.0 for one in found
    }
    able = [one for one in found if shares[one.unit.place] >= _NAMED]
    return sorted(able, key=lambda one: (-shares[one.unit.place], -one.score, one.unit.place))


def _readings(unit: Unit, named: frozenset[str], source: _Source) -> list[str]:
    """The part of the line whose label is sought, or else the line, if a label does not give it to something else."""
    parts = labelled_parts(unit.text)
    own = [value for label, value in parts if named & set(terms(label))]
    lead_names = unit.lead is not None and bool(source.units[unit.lead].terms & named)
    return own or ([] if len(parts) > 1 and not lead_names else [unit.text])


def _items(ranked: Sequence[Candidate], sought: _Sought, source: _Source) -> list[Any] | None:
    """The lines under the lead that names what is sought, or a labelled part's or sentence's own list."""
    inner = sought.schema.get("items")
    taker = _TAKERS.get(_kind(inner)) if isinstance(inner, Mapping) else _string
    if taker is None or taker is _no_items:
        return None
    most = sought.schema.get("maxItems")
    most = min(most, _MOST_ITEMS) if isinstance(most, int) else _MOST_ITEMS
    each = _Sought(inner if isinstance(inner, Mapping) else {}, sought.named)
    for one in ranked:
        texts = _list_of(one.unit, sought.named, source)
        values = [value for value in (taker(text, each) for text in texts) if value is not None]
        if values:
            return list(dict.fromkeys(values))[:most]
    return None


def _list_of(unit: Unit, named: frozenset[str], source: _Source) -> list[str]:
    lead = unit.place if unit.is_lead else unit.lead
    if lead is not None and source.units[lead].terms & named:
        below = [one for one in source.units if one.lead == lead and not one.is_lead]
        alike = takewhile(lambda one: _form(one) == _form(below[0]), below)
        return [one.text for one in alike]
    parts = [value for label, value in labelled_parts(unit.text) if named & set(terms(label))]
    return [piece for part in parts[:1] for piece in _SEPARATOR.split(part.rstrip(".")) if piece]


def _form(unit: Unit) -> tuple[bool, bool]:
    """What the items of a list have in common; where it changes, something else begins."""
    return unit.is_labelled, unit.is_whole_sentence


def _string(text: str, sought: _Sought) -> str | None:
    kind = sought.schema.get("format")
    if kind in {"email", "uri", "url"}:
        return address_in(text, "email" if kind == "email" else "uri")
    value = date_in(text) if kind in {"date", "date-time"} else text
    most = sought.schema.get("maxLength")
    return value if value and not (isinstance(most, int) and len(value) > most) else None


def _number(text: str, sought: _Sought) -> int | float | None:
    written = number_in(text, sought.named)
    return as_number(written, whole=False) if written else None


def _integer(text: str, sought: _Sought) -> int | float | None:
    written = number_in(text, sought.named)
    return as_number(written, whole=True) if written else None


def _member(text: str, sought: _Sought) -> object | None:
    members = sought.schema.get("enum")
    return member_in(text, members) if isinstance(members, list) else None


def _boolean(text: str, sought: _Sought) -> bool | None:  # noqa: ARG001  # takers are called alike
    return truth_in(text)


def _no_items(text: str, sought: _Sought) -> None:
    """Lists of lists are not filled."""


_TAKERS: Mapping[str, Taker] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "enum": _member,
    "boolean": _boolean,
    "array": _no_items,
}
