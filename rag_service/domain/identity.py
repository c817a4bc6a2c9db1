"""Who asks, and what they may read."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

TenantId = NewType("TenantId", str)
"""The opaque random id of a tenant. Never its name."""


class Role(StrEnum):
    """What a credential may be used for. ``query`` covers search and the reading of documents.

    ``restore`` shows what scrubbing took out of documents that the holder may read. No other role implies it.
    """

    QUERY = "query"
    INGEST = "ingest"
    REVIEW = "review"
    ADMIN = "admin"
    AUDIT = "audit"
    RESTORE = "restore"


class PrincipalKind(StrEnum):
    USER = "user"
    GROUP = "group"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True, order=True)
class Principal:
    """An entry of an access list: a user, a group, or everyone within the tenant.

    >>> str(Principal.parse("group:legal"))
    'group:legal'
    >>> str(Principal.parse("everyone"))
    'everyone'
    """

    kind: PrincipalKind
    name: str

    @classmethod
    def user(cls, name: str) -> Principal:
        return cls(PrincipalKind.USER, name)

    @classmethod
    def group(cls, name: str) -> Principal:
        return cls(PrincipalKind.GROUP, name)

    @classmethod
    def parse(cls, text: str) -> Principal:
        """``user:NAME``, ``group:NAME`` or ``everyone``, the name in the form in which users and groups are stored.

        Raises ValueError for anything else, and for a name that could match nobody: with control characters in it.
        """
        if text == "everyone":
            return EVERYONE
        kind, separator, name = text.partition(":")
        name = unicodedata.normalize("NFC", name).strip()
        if not separator or not name or kind not in {"user", "group"}:
            raise ValueError(f"{text!r} is not user:NAME, group:NAME or everyone")
        if any(unicodedata.category(letter)[0] == "C" for letter in name):
            raise ValueError(f"{text!r} holds control characters")
        return cls(PrincipalKind(kind), name)

    def __str__(self) -> str:
        return "everyone" if self.kind is PrincipalKind.EVERYONE else f"{self.kind.value}:{self.name}"


EVERYONE = Principal(PrincipalKind.EVERYONE, "")
"""Everyone within one tenant; it never reaches across tenants."""


@dataclass(frozen=True, slots=True)
class AccessScope:
    """What one authenticated caller may read, in one tenant.

    Only ``rag_service.authentication`` makes one, from a verified credential. Every read takes one; there is no
    default, no ambient tenant and no way to skip it.
    """

    tenant: TenantId
    user: str
    principals: frozenset[Principal]
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class OperatorScope:
    """Custody of one tenant's documents: to ingest, list, share and delete them, not to search them.

    Only ``rag_service.authentication`` makes one, for whoever holds the master key.
    """

    tenant: TenantId
