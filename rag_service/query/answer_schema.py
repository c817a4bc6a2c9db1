"""The form that a caller wants an answer in: a JSON Schema (Draft 2020-12) of a kind that is cheap and safe to check.

An object with properties; in them texts, numbers, truth values, choices, lists and objects. Whatever could make
checking slow or fetch something is refused by name: patterns, references to elsewhere or to themselves, combinations.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rag_service.domain.errors import InvalidRequest

MOST_BYTES, DEEPEST, MOST_PROPERTIES, MOST_CHOICES = 16_384, 6, 64, 100
_LONGEST_NAME, _LONGEST_TEXT = 64, 300
_DEFINITIONS = "#/$defs/"
_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_TEXTS = frozenset({"title", "description"})
_COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})
_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_ALLOWED = _TEXTS | _COUNTS | _BOUNDS | {"type", "properties", "required", "items", "enum", "additionalProperties"}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """A schema that was looked through. ``schema`` holds no reference: what was defined stands where it is used."""

    schema: Mapping[str, Any]

    @classmethod
    def parse(cls, given: object) -> AnswerSchema:
        """The schema, where it is of the kind that is taken. Raises ``InvalidRequest``, which says what is not."""
        _refuse(not isinstance(given, dict), "it is no object")
        assert isinstance(given, dict)  # noqa: S101  # for the type checker
        try:
            size = len(json.dumps(given, allow_nan=False, ensure_ascii=False).encode())  # half a character is none
        except (ValueError, TypeError, RecursionError):
            size = MOST_BYTES + 1
        _refuse(size > MOST_BYTES, f"it is larger than {MOST_BYTES} bytes, or no JSON")
        root = dict(given)
        _refuse(root.pop("$schema", _DIALECT) != _DIALECT, f"$schema is {_DIALECT}, if anything")
        defined = root.pop("$defs", {})
        _refuse(not isinstance(defined, dict), "$defs is an object")
        budget = _Budget(MOST_PROPERTIES)
        plain = _plain(root, defined, budget, depth=0)
        _refuse(plain.get("type") != "object" or not plain.get("properties"), "it describes an object with properties")
        _check_form(plain)
        return cls(plain)

    def takes(self, value: object) -> bool:
        """Whether the value is valid against it."""
        from jsonschema import Draft202012Validator

        return bool(Draft202012Validator(self.schema).is_valid(value))

    def leaves(self) -> int:
        """How many kinds of values it asks for."""
        return _leaves(self.schema)

    def words(self) -> str:
        """All names and descriptions: what a caller can write into it."""
        return " ".join(dict.fromkeys(_words_of(self.schema)))


@dataclass
class _Budget:
    properties: int


def _plain(given: object, defined: Mapping[str, Any], budget: _Budget, *, depth: int) -> Any:
    """The schema without references, each keyword of it known. One that leads back to itself is nested too deep."""
    _refuse(not isinstance(given, dict), "every schema in it is an object")
    assert isinstance(given, dict)  # noqa: S101  # for the type checker
    _refuse(depth > DEEPEST, f"it is nested deeper than {DEEPEST}")
    if "$ref" in given:
        name = str(given["$ref"]).removeprefix(_DEFINITIONS)
        _refuse(not str(given["$ref"]).startswith(_DEFINITIONS) or name not in defined, "$ref names one of its $defs")
        others = {key: value for key, value in given.items() if key != "$ref"}
        _refuse(not set(others) <= _TEXTS, "beside $ref stand title and description at most")
        _refuse(not isinstance(defined[name], dict), "every schema in it is an object")
        return _plain({**defined[name], **others}, defined, budget, depth=depth + 1)
    unknown = sorted(key for key in given if key not in _ALLOWED)
    _refuse(
        bool(unknown), f"{unknown[0] if unknown else ''!r:.40} is not taken; these are: {', '.join(sorted(_ALLOWED))}"
    )
    plain = dict(given)
    _check_texts(plain)
    if "properties" in plain:
        _refuse(not isinstance(plain["properties"], dict), "properties is an object")
        for name in plain["properties"]:
            budget.properties -= 1
            _refuse(
                not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME, "names have 1 to 64 printable characters"
            )
        _refuse(budget.properties < 0, f"it has more than {MOST_PROPERTIES} properties")
        plain["properties"] = {
            name: _plain(one, defined, budget, depth=depth + 1) for name, one in plain["properties"].items()
        }
    if "object" in _listed(plain):
        plain["additionalProperties"] = False
    if "items" in plain:
        plain["items"] = _plain(plain["items"], defined, budget, depth=depth + 1)
    return plain


def _check_texts(plain: Mapping[str, Any]) -> None:
    for key in _TEXTS & plain.keys():
        is_text = isinstance(plain[key], str) and len(plain[key]) <= _LONGEST_TEXT
        _refuse(not is_text, f"{key} is a text of at most {_LONGEST_TEXT} characters")
    listed = _listed(plain)
    _refuse(
        not all(isinstance(one, str) and one in _TYPES for one in listed),
        f"type is one of {', '.join(sorted(_TYPES))}, or a list of them",
    )
    _refuse(len([one for one in listed if one != "null"]) != 1, "type names one type, and null beside it at most")
    choices = plain.get("enum", [])
    _refuse(
        not isinstance(choices, list)
        or len(choices) > MOST_CHOICES
        or not all(isinstance(one, str | None) and len(one or "") <= _LONGEST_TEXT for one in choices),
        f"enum is a list of at most {MOST_CHOICES} texts",
    )
    _refuse("enum" in plain and "string" not in listed, "enum stands beside the type string")
    _refuse(plain.get("additionalProperties", False) is not False, "additionalProperties is false")


def _listed(plain: Mapping[str, Any]) -> list[Any]:
    types = plain.get("type")
    return types if isinstance(types, list) else [types]


def _check_form(plain: Mapping[str, Any]) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(plain)
    except SchemaError as error:
        where = "/".join(str(step) for step in error.absolute_path)
        raise InvalidRequest(f"the answer's schema cannot be used: {where[:100] or 'it'} is malformed") from None


def _words_of(schema: Mapping[str, Any]) -> Iterator[str]:
    yield from (str(schema[key]) for key in sorted(_TEXTS) if key in schema)
    yield from (one for one in schema.get("enum", ()) if one)
    for name, one in schema.get("properties", {}).items():
        yield name
        yield from _words_of(one)
    if "items" in schema:
        yield from _words_of(schema["items"])


def _leaves(schema: Mapping[str, Any]) -> int:
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return sum(map(_leaves, inner)) if inner else 1


def _refuse(is_wrong: bool, reason: str) -> None:
    if is_wrong:
        raise InvalidRequest(f"the answer's schema cannot be used: {reason}")
