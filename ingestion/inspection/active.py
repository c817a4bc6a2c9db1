"""Active content: what would run, or fetch something, if a file were opened by the program that it is for.

Nothing of it ever runs here, and nothing is fetched. The policy says whether a file that carries the dangerous kinds
is taken without them or not at all; the harmless ones are always left behind, and told.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from rag_service.domain.errors import Refused


class Policy(StrEnum):
    """``refuse`` is the default: a macro in a folder of documents is what an attack by mail leaves there."""

    REFUSE = "refuse"
    STRIP = "strip"


MACROS, EXECUTABLE, LAUNCH = "macros", "embedded_executable", "pdf_launch"

_REFUSALS = {
    MACROS: "The file carries macros; save it without them, or let `RAG_ACTIVE_CONTENT=strip` leave them behind.",
    EXECUTABLE: "A program or script is embedded in the file; remove it, or let `RAG_ACTIVE_CONTENT=strip` drop it.",
    LAUNCH: "The PDF starts a program when it is read; remove that, or let `RAG_ACTIVE_CONTENT=strip` leave it out.",
}
"""Kinds that no ordinary document has. Each is also the reason of its refusal."""


def settle(found: Iterable[str], policy: Policy) -> tuple[str, ...]:
    """The kinds that are left behind, in order. Raises ``Refused`` for what the policy does not take.

    >>> settle({"pdf_javascript"}, Policy.REFUSE)
    ('pdf_javascript',)
    """
    kinds = sorted(set(found))
    if policy is Policy.REFUSE:
        for kind in kinds:
            if kind in _REFUSALS:
                raise Refused(kind, _REFUSALS[kind])
    return tuple(kinds)
