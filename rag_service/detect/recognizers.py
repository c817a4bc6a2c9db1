"""Recognizers that an installation adds: a pattern, the words that speak for it, and the kind that it finds.

A pattern is taken only if the number of ways in which it can be tried at one place has a small bound, whatever the
text: so the time stays linear, and no document can be made on which scrubbing hangs.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]  # the standard library's own reading of a pattern
from re import _parser as parser  # type: ignore[attr-defined]  # as above
from typing import Any

from rag_service.detect.entities import CUSTOM, ENTITIES
from rag_service.domain.document import Finding
from rag_service.domain.errors import InvalidSetting

SETTING = "RAG_RECOGNIZERS"
_MOST_BYTES = 65_536
_MOST_RECOGNIZERS = 50
_LONGEST_PATTERN = 500
_LONGEST_REPEAT = 200
_MOST_WAYS = 1000
_MOST_WORDS = 40
_BEFORE, _AFTER = 60, 30
_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
_KEYS = {"name", "kind", "pattern", "context", "score", "needs_context", "ignore_case"}
_REPEATS = {codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT}
_PLAIN = {codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN, codes.AT, codes.CATEGORY, codes.RANGE}


@dataclass(frozen=True, slots=True)
class Recognizer:
    """What the pattern matches is of this kind; beside one of the words it is surer, or only there."""

    name: str
    kind: str
    pattern: re.Pattern[str]
    context: re.Pattern[str] | None
    score: float
    needs_context: bool

    def find(self, text: str) -> Iterator[Finding]:
        for match in self.pattern.finditer(text):
            around = text[max(0, match.start() - _BEFORE) : match.end() + _AFTER]
            spoken_for = self.context is not None and self.context.search(around) is not None
            if match.end() > match.start() and (spoken_for or not self.needs_context):
                yield Finding(self.kind, *match.span(), min(1.0, self.score + 0.35 * spoken_for))


def load_recognizers(path: Path | None) -> tuple[bytes, tuple[Recognizer, ...]]:
    """The file's bytes and what they say; nothing where there is no such file to be read.

    Raises:
        InvalidSetting: the file cannot be read, or holds what cannot be used.
    """
    if path is None:
        return b"", ()
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError:
        raise InvalidSetting(SETTING, f"{path} cannot be read") from None
    return content, read_recognizers(content)


def digest(content: bytes) -> str:
    """Equal for equal files, and empty for none: what they find is part of what a document went through."""
    return hashlib.sha256(content).hexdigest() if content else ""


def read_recognizers(content: bytes) -> tuple[Recognizer, ...]:
    """The recognizers that a TOML file lists under ``[[recognizer]]``.

    >>> (one,) = read_recognizers(b"[[recognizer]]\\nname = 'staff'\\npattern = '\\\\bEMP-[0-9]{6}\\\\b'")
    >>> [(found.kind, found.start, found.end) for found in one.find("ask EMP-004711")]
    [('custom', 4, 14)]

    Raises:
        InvalidSetting: naming the recognizer and what is wrong with it.
    """
    if len(content) > _MOST_BYTES:
        raise InvalidSetting(SETTING, f"the file is larger than {_MOST_BYTES} bytes")
    try:
        told = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidSetting(SETTING, "the file is not TOML") from None
    if unknown := sorted(told.keys() - {"recognizer"}):  # misspelled, it would find nothing and nobody would know
        raise InvalidSetting(SETTING, f"the file holds {unknown[0]!r:.60}; it lists tables [[recognizer]] alone")
    rows: Any = told.get("recognizer", [])
    if not isinstance(rows, list) or len(rows) > _MOST_RECOGNIZERS:
        raise InvalidSetting(SETTING, f"it lists at most {_MOST_RECOGNIZERS} tables [[recognizer]]")
    read = tuple(_recognizer(row, number) for number, row in enumerate(rows, 1))
    if len({one.name for one in read}) < len(read):
        raise InvalidSetting(SETTING, "two recognizers have one name")
    return read


def _recognizer(row: Any, number: int) -> Recognizer:
    def wrong(what: str) -> InvalidSetting:
        return InvalidSetting(SETTING, f"recognizer {number}: {what}")

    if not isinstance(row, dict) or row.keys() - _KEYS or not {"name", "pattern"} <= row.keys():
        raise wrong(f"it has a name, a pattern, and of {', '.join(sorted(_KEYS - {'name', 'pattern'}))} what is needed")
    name, kind, pattern = row["name"], row.get("kind", CUSTOM), row["pattern"]
    words, score = row.get("context", []), row.get("score", 0.6)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise wrong("its name is not of lower-case letters, digits and underscores")
    if kind not in ENTITIES:
        raise wrong(f"there is no kind {kind!r:.60}")
    if not isinstance(score, int | float) or isinstance(score, bool) or not 0 < score <= 1:
        raise wrong("its score is not above 0 and at most 1")
    if not all(isinstance(row.get(flag, False), bool) for flag in ("needs_context", "ignore_case")):
        raise wrong("needs_context and ignore_case are true or false")
    if not isinstance(words, list) or len(words) > _MOST_WORDS or not all(_is_word(word) for word in words):
        raise wrong(f"its context is not a list of at most {_MOST_WORDS} words")
    if row.get("needs_context") and not words:
        raise wrong("it needs context and names no word")
    flags = re.IGNORECASE if row.get("ignore_case") else 0
    if not isinstance(pattern, str) or (trouble := _trouble(pattern, flags)):
        raise wrong(trouble if isinstance(pattern, str) else "its pattern is not text")
    context = "|".join(re.escape(word) for word in words)
    return Recognizer(
        name,
        kind,
        re.compile(pattern, flags),
        re.compile(rf"\b(?:{context})\b", re.IGNORECASE) if words else None,
        float(score),
        bool(row.get("needs_context")),
    )


def _is_word(word: object) -> bool:
    return isinstance(word, str) and 0 < len(word) <= 40


def _trouble(pattern: str, flags: int) -> str:
    """What is wrong with the pattern; nothing where it may be used."""
    if not 0 < len(pattern) <= _LONGEST_PATTERN:
        return f"its pattern has more than {_LONGEST_PATTERN} characters, or none"
    try:
        re.compile(pattern, flags)
        ways = _ways(parser.parse(pattern, flags))
    except (re.error, RecursionError, OverflowError):
        return "its pattern is no regular expression"
    except ValueError as error:
        return f"its pattern {error}"
    return "its pattern can be tried in too many ways at one place" if ways > _MOST_WAYS else ""


def _ways(parsed: Sequence[Any]) -> int:
    """At most so many ways are tried at one place. Raises ``ValueError`` for what has no small bound."""
    ways = 1
    for code, value in parsed:
        if code in _PLAIN:
            continue
        if code in _REPEATS:
            least, most, inner = value
            if most > _LONGEST_REPEAT:
                raise ValueError(f"repeats something without a bound of at most {_LONGEST_REPEAT}")
            ways *= (int(most) - int(least) + 1) * min(_ways(inner) ** int(most), _MOST_WAYS + 1)
        elif code is codes.BRANCH:
            ways *= sum(_ways(branch) for branch in value[1])
        elif code is codes.SUBPATTERN:
            ways *= _ways(value[-1])
        elif code in {codes.ASSERT, codes.ASSERT_NOT}:
            ways *= _ways(value[1])
        elif code is codes.ATOMIC_GROUP:
            ways *= _ways(value)
        else:  # backreferences and conditions
            raise ValueError("refers to its own groups")
        ways = min(ways, _MOST_WAYS + 1)
    return ways
