"""What a tenant has removed from its documents, kind by kind, and how. Without a word it has the preset's defaults.

Which kinds there are, and what a preset does with each, is said beside the detectors (``rag_service.detect.actions``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self, TypeVar

from rag_service.domain.errors import InvalidRequest

MOST_KEPT, LONGEST_KEPT = 1000, 200
E = TypeVar("E", bound=StrEnum)


class Preset(StrEnum):
    """Where a policy begins: each removes all that the one before it does."""

    IDENTIFIERS = "identifiers"
    PERSONS = "persons"
    STRICT = "strict"


class Action(StrEnum):
    """What becomes of a value that is found."""

    REDACT = "redact"
    """Only its kind is left: ``[EMAIL_ADDRESS]``."""
    MASK = "mask"
    """Its last four characters are left, and what separates the others."""
    PSEUDONYM = "pseudonym"
    """A stand-in that is the same wherever the tenant has the value: ``[PERSON_3fa9c1d2b07e]``."""
    ENCRYPT = "encrypt"
    """The same stand-in; the value is sealed beside the text, for whoever may restore it."""
    KEEP = "keep"
    """It is not looked for."""
    REFUSE = "refuse"
    """The document that holds one is refused."""


class OtherLanguage(StrEnum):
    """What becomes of a document in whose language the names that are to go cannot be found."""

    REFUSE = "refuse"
    QUARANTINE = "quarantine"
    """It waits for a reviewer, without what has a form."""
    PATTERNS = "patterns"
    """What has a form is removed, names stay, and the document says so."""


@dataclass(frozen=True, slots=True)
class ScrubPolicy:
    """``overrides`` pair a kind with what is done with it instead. ``keep`` are values that stay, such as the tenant's
    own public contacts, or ``*@DOMAIN`` for every address there.

    Raises ``InvalidRequest`` where a value cannot be used.
    """

    preset: Preset = Preset.IDENTIFIERS
    overrides: tuple[tuple[str, Action], ...] = ()
    keep: tuple[str, ...] = field(default=(), repr=False)
    language: OtherLanguage = OtherLanguage.QUARANTINE

    def __post_init__(self) -> None:
        if len(dict(self.overrides)) != len(self.overrides):
            raise InvalidRequest("a kind has one action")
        if len(self.keep) > MOST_KEPT:
            raise InvalidRequest(f"at most {MOST_KEPT} values can be kept")
        for value in self.keep:
            if not any(map(str.isalnum, value)) or len(value) > LONGEST_KEPT:
                raise InvalidRequest(f"a kept value has a letter or digit, and at most {LONGEST_KEPT} characters")
            if "*" in value and not _is_domain_pattern(value):
                raise InvalidRequest("of patterns there is one form, *@DOMAIN, for every address at that domain")

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """The policy that says so; what is not named has its default. Raises ``InvalidRequest``."""
        known = {one.name for one in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise InvalidRequest(f"a policy has no {unknown[0]}: it has {', '.join(sorted(known))}")
        overrides, keep = values.get("overrides", {}), values.get("keep", [])
        if not isinstance(overrides, Mapping) or not isinstance(keep, list | tuple):
            raise InvalidRequest("overrides are an object of kinds and actions, and keep is a list of values")
        if not all(isinstance(value, str) for value in keep):
            raise InvalidRequest("keep is a list of values")
        return cls(
            preset=_chosen(Preset, "preset", values.get("preset", Preset.IDENTIFIERS)),
            overrides=tuple(sorted((kind, _chosen(Action, kind, action)) for kind, action in overrides.items())),
            keep=tuple(dict.fromkeys(keep)),
            language=_chosen(OtherLanguage, "language", values.get("language", OtherLanguage.QUARANTINE)),
        )

    def as_json(self) -> dict[str, Any]:
        """What ``parse`` takes."""
        return {
            "preset": self.preset.value,
            "overrides": {kind: action.value for kind, action in self.overrides},
            "keep": list(self.keep),
            "language": self.language.value,
        }

    def digest(self) -> str:
        """Equal for policies that remove the same; without a key, so never stored as it is."""
        told = {**self.as_json(), "keep": sorted(self.keep)}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _chosen(kind: type[E], name: str, value: Any) -> E:
    try:
        return kind(value)
    except ValueError:
        raise InvalidRequest(f"{name} is one of {', '.join(kind)}") from None


def _is_domain_pattern(value: str) -> bool:
    domain = value.removeprefix("*@")
    return domain != value and "*" not in domain and "@" not in domain and "." in domain.strip(".")
