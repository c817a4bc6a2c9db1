"""What crosses between a parent and its children, as JSON of a known shape.

The parent believes nothing else: no class is named on the wire, nothing is unpickled, unknown fields are refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, SchemaValidator

from ingestion.containers.kinds import Kind
from ingestion.containers.limits import UnpackLimits
from ingestion.containers.walk import Contents
from rag_service.detect.judge import RequestInPlace
from rag_service.domain.document import Chunk, ParsedDocument
from rag_service.domain.scrubbing import ScrubPolicy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

T = TypeVar("T")
_adapters: dict[Any, TypeAdapter[Any]] = {}
_validators: dict[Any, SchemaValidator] = {}
MOST_THINGS = 3_000_000
"""In one message: three for each element that a document may have."""

_MARKS = (b'{"', b'","')


class Malformed(Exception):
    """Bytes that are not what they should be. Holds nothing of them."""


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request: which stage is asked for."""

    stage: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The head of an answer. ``cpu_s`` is what the child spent on it; ``reason`` and ``detail`` say what is wrong."""

    outcome: Literal["ready", "done", "refused", "failed"]
    cpu_s: float
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """What a child says once it has loaded what it needs and has closed itself in."""

    landlock: int
    seccomp: bool
    user: str
    fingerprint: str = ""
    dimension: int = 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps a child from starting: the name of an error in our tree, and its fields in words."""

    error: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class ParseRequest:
    """An upload without its content, which goes beside it as bytes."""

    name: str
    source: str
    title: str | None
    max_bytes: int


@dataclass(frozen=True, slots=True)
class UnpackRequest:
    """An upload without its content, as above; from which member on contents are wanted."""

    name: str
    limits: UnpackLimits
    mail: Kind | None
    first: int


@dataclass(frozen=True, slots=True)
class UnpackReply:
    """What an upload holds. The contents of ``handed`` members go beside it as bytes, one behind the other."""

    contents: Contents | None
    handed: int


@dataclass(frozen=True, slots=True)
class ScrubRequest:
    """A document and what to remove from it. The pseudonym key goes beside it as bytes."""

    document: ParsedDocument
    source: str
    policy: ScrubPolicy


@dataclass(frozen=True, slots=True)
class Chunks:
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Requests:
    """What is to be judged."""

    requests: tuple[RequestInPlace, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParserConfig:
    """What of the settings a parser needs: whether files with macros and programs are taken without them."""

    active_content: str


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What of the settings a model worker needs to find and load its model."""

    model: str
    backend: str
    cache_dir: str


def encode(value: Any) -> bytes:
    """The value as JSON. Halves of surrogate pairs, which no text may hold, are left out, as scrubbing does."""
    adapter = _adapter(type(value))
    try:
        return adapter.dump_json(value, exclude_defaults=True)  # half of the bytes of a document of short lines
    except PydanticSerializationError:
        plain = adapter.dump_python(value, exclude_defaults=True)
        return json.dumps(_without_surrogates(plain), ensure_ascii=False, allow_nan=False).encode()


def decode(kind: type[T], content: bytes) -> T:
    """A value of this type, exactly: no field too many, none of another type. Raises ``Malformed``.

    A child that was taken over must not wear its parent out with what it answers: things are counted before they are
    made (a quotation mark inside a string has a backslash before it), and the first one that is wrong ends the reading.
    """
    if max(content.count(mark) for mark in _MARKS) > MOST_THINGS:
        raise Malformed
    try:
        value: T = _validator(kind).validate_json(content, strict=True, extra="forbid")
    except (ValidationError, RecursionError):
        raise Malformed from None
    return value


def encode_odds(odds: Sequence[float]) -> bytes:
    import numpy as np

    return np.asarray(odds, dtype="<f4").tobytes()


def decode_odds(content: bytes, *, count: int) -> list[float]:
    """As many values from 0 to 1 as were asked for. Raises ``Malformed``."""
    import numpy as np

    if len(content) != count * 4:
        raise Malformed
    found = [float(value) for value in np.frombuffer(content, "<f4")]
    if not all(0.0 <= value <= 1.0 for value in found):  # which a value that is no number does not pass either
        raise Malformed
    return found


def encode_rows(rows: npt.NDArray[np.float32]) -> bytes:
    import numpy as np

    return np.ascontiguousarray(rows, dtype="<f4").tobytes()


def decode_rows(content: bytes, *, rows: int, dimension: int) -> npt.NDArray[np.float32]:
    """As many rows of unit length as were asked for. Raises ``Malformed``."""
    import numpy as np

    if len(content) != rows * dimension * 4:
        raise Malformed
    found = np.frombuffer(content, "<f4").astype(np.float32).reshape(rows, dimension)
    lengths = np.linalg.norm(found.astype(np.float64), axis=1)
    if not np.allclose(lengths, 1.0, atol=1e-3):  # which a value that is no number does not pass either
        raise Malformed
    return found


def decode_reply(content: bytes) -> Reply:
    """Raises ``Malformed``. A sentence from a child is short and plain, whatever it may have been made to say."""
    reply = decode(Reply, content)
    if not math.isfinite(reply.cpu_s) or reply.cpu_s < 0 or not is_sentence(reply.reason, reply.detail):
        raise Malformed
    return reply


def is_sentence(reason: str, detail: str) -> bool:
    """Whether a reason is one word, if there is one, and what is said of it a short plain sentence."""
    word = reason.replace("_", "")
    is_word = not reason or (word.isascii() and word.isalnum() and len(word) <= 64)
    return is_word and len(detail) <= 400 and detail.isprintable()


def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Built once a type, as building takes longer than using it."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def _validator(kind: Any) -> SchemaValidator:
    """As pydantic's own, which goes on to list all that is wrong: gigabytes, for megabytes of nonsense."""
    if kind not in _validators:
        schema = deepcopy(_adapter(kind).core_schema)
        _fail_fast(schema)
        _validators[kind] = SchemaValidator(schema)
    return _validators[kind]


def _fail_fast(schema: Any) -> None:
    if isinstance(schema, dict):
        if schema.get("type") in ("list", "tuple", "set", "frozenset"):
            schema["fail_fast"] = True
        for part in schema.values():
            _fail_fast(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            _fail_fast(part)


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "ignore").decode()
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value
