"""Structured answers: of a draft in JSON, only values that passages support, in the form that the caller asked for.

watch for leaks → read one JSON value → leave out what the schema does not name or no passage holds → validate
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag_service.detect.pii import PiiDetector
from rag_service.domain.answer import Flag, StructuredAnswer
from rag_service.domain.policy import AnswerPolicy
from rag_service.ports import Prompt
from rag_service.query.answer_schema import AnswerSchema
from rag_service.query.contacts import Identifying
from rag_service.query.content import ContentRules
from rag_service.query.filter import LONGEST, ReleasedSentence
from rag_service.query.leaks import MarkerWatch, WordingWatch
from rag_service.query.leaves import Asked, Leaf, LeafJudge
from rag_service.query.support import SupportFinder
from rag_service.query.verdict import SentenceJudge
from rag_service.query.windows import sentence_windows

MOST_LEAVES = 200
_FENCED = re.compile(r"\A\s*```(?:json)?\s*\n(.*)\n\s*```\s*\Z", re.DOTALL)
_GONE = object()


@dataclass(frozen=True, slots=True)
class Filled:
    """A valid value, and each supported value in it by its JSON pointer."""

    value: Any
    leaves: tuple[tuple[str, Leaf], ...]

    def sentences(self) -> tuple[ReleasedSentence, ...]:
        """The values for reading, a line each."""
        return tuple(
            ReleasedSentence(f"{_label(pointer)}: {_spoken(leaf.value)}", leaf.supports, "\n")
            for pointer, leaf in self.leaves
        )

    def structured(self) -> StructuredAnswer:
        """The value with the markers that ``cite`` gives to what supports it."""
        markers: dict[tuple[str, int, int], int] = {}
        cited: dict[str, tuple[int, ...]] = {}
        for pointer, leaf in self.leaves:
            places = [(one.passage.chunk_id, one.start, one.end) for one in leaf.supports]
            cited[pointer] = tuple(dict.fromkeys(markers.setdefault(place, len(markers) + 1) for place in places))
        return StructuredAnswer(self.value, cited)


class ValueFilter:
    """Judges one draft. ``flags`` tell what was left out and why; ``stop`` is ``prompt_leak`` where that is told."""

    def __init__(
        self, prompt: Prompt, schema: AnswerSchema, policy: AnswerPolicy, detector: PiiDetector, finder: SupportFinder
    ) -> None:
        self._schema = schema
        # Of several values the question cannot tell which one a number or a few words are for: their names must.
        self._question = prompt.question if schema.leaves() == 1 else ""
        self._markers = MarkerWatch(prompt)
        self._wording = WordingWatch(prompt, [passage.text for passage in prompt.passages])
        known = Identifying(detector)
        sentences = [window for passage in prompt.passages for window in sentence_windows(passage)]
        judge = SentenceJudge(prompt, policy, detector, finder)
        self._leaves = LeafJudge(sentences, judge, ContentRules(policy, known))
        self._room = MOST_LEAVES
        self._kinds: set[str] = set()
        self.stop: str | None = None

    @property
    def flags(self) -> tuple[Flag, ...]:
        return tuple(Flag("filter", kind, "dropped") for kind in sorted(self._kinds | self._leaves.kinds))

    def fill(self, draft: str) -> Filled | None:
        """What of the draft may leave, if that is an answer in the form asked for. Blocking."""
        if len(draft) > LONGEST:
            return self._nothing("too_long")
        try:
            value = _parsed(draft)
        except (ValueError, RecursionError):
            value = _GONE
        # Read as written and as meant: an escape in JSON can hide a marker.
        if any(self._markers.leaks(text) for text in (draft, *_texts(value))):
            self.stop = "prompt_leak"
            return self._nothing("prompt_leak")
        if value is _GONE:
            return self._nothing("malformed")
        found: list[tuple[str, Leaf]] = []
        kept = self._kept(value, self._schema.schema, Asked.of("", {}, self._question), "", found)
        if kept is _GONE or not found:
            return self._nothing("unsupported")
        if not self._schema.takes(kept):
            return self._nothing("malformed")
        return Filled(kept, tuple(found))

    def _kept(
        self, value: Any, schema: Mapping[str, Any], asked: Asked, pointer: str, found: list[tuple[str, Leaf]]
    ) -> Any:
        """The value without what is not supported, or ``_GONE``."""
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if value is None:
            return None if "null" in kinds else _GONE
        if "object" in kinds:
            return self._kept_object(value, schema, pointer, found)
        if "array" in kinds:
            return self._kept_items(value, schema, asked, pointer, found)
        self._room -= 1
        leaf = self._leaf(value, kinds, schema, asked) if self._room >= 0 else None
        if leaf is None:
            return _GONE
        found.append((pointer, leaf))
        return leaf.value

    def _kept_object(self, value: Any, schema: Mapping[str, Any], pointer: str, found: list[tuple[str, Leaf]]) -> Any:
        if not isinstance(value, dict):
            return _GONE
        kept: dict[str, Any] = {}
        here: list[tuple[str, Leaf]] = []
        properties = schema.get("properties", {})
        if not value.keys() <= properties.keys():
            self._kinds.add("unknown_property")
        for name, one in properties.items():
            if name in value:
                place = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
                inner = self._kept(value[name], one, Asked.of(name, one, self._question), place, here)
                if inner is not _GONE:
                    kept[name] = inner
        if not set(schema.get("required", ())) <= kept.keys():
            return _GONE
        found += here
        return kept

    def _kept_items(
        self, value: Any, schema: Mapping[str, Any], asked: Asked, pointer: str, found: list[tuple[str, Leaf]]
    ) -> Any:
        if not isinstance(value, list) or "items" not in schema:
            return _GONE
        kept: list[Any] = []
        for item in value[:MOST_LEAVES]:
            inner = self._kept(item, schema["items"], asked, f"{pointer}/{len(kept)}", found)
            if inner is not _GONE:
                kept.append(inner)
        return kept or _GONE

    def _leaf(self, value: Any, kinds: Sequence[str], schema: Mapping[str, Any], asked: Asked) -> Leaf | None:
        if isinstance(value, bool):
            return self._leaves.truth(value, asked) if "boolean" in kinds else None
        if isinstance(value, int | float):
            is_whole = isinstance(value, int) or value.is_integer()
            return self._leaves.number(value, asked) if "number" in kinds or ("integer" in kinds and is_whole) else None
        if not isinstance(value, str) or "string" not in kinds:
            return None
        if self._wording.quotes(value):
            self._kinds.add("prompt_leak")
            return None
        if "enum" in schema:
            return self._leaves.choice(value, asked) if value in schema["enum"] else None
        return self._leaves.text(value, asked)

    def _nothing(self, kind: str) -> Filled | None:
        self._kinds.add(kind)
        return None


def _parsed(draft: str) -> Any:
    """The one JSON value that the draft is, alone or as a fenced block. Raises ``ValueError``, ``RecursionError``."""
    fenced = _FENCED.match(draft)
    return json.loads(
        fenced.group(1) if fenced else draft, object_pairs_hook=_object, parse_constant=_refused, parse_float=_finite
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Names that occur twice are read differently by different programs."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _refused(_name: str) -> Any:
    raise ValueError("not a number")


def _finite(written: str) -> float:
    value = float(written)
    if value in {float("inf"), float("-inf")}:
        raise ValueError("too large")
    return value


def _texts(value: Any) -> tuple[str, str]:
    """All texts in the value in a row, and all names: a secret may be spread over either, with the others between."""
    texts: list[str] = []
    names: list[str] = []
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            names += one
            stack += reversed(one.values())
        elif isinstance(one, list):
            stack += reversed(one)
        elif isinstance(one, str | int | float):
            texts.append(str(one))
    return " ".join(texts), " ".join(names)


def _label(pointer: str) -> str:
    return " › ".join(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def _spoken(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
