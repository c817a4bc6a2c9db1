"""What each policy removes."""

from __future__ import annotations

from enum import StrEnum

from rag_service.detect.entities import CREDENTIAL, IDENTIFIERS, NAMED

__all__ = ["CREDENTIAL", "PiiPolicy"]


class PiiPolicy(StrEnum):
    """What is scrubbed from a tenant's documents. Each policy removes all that the one before it does."""

    IDENTIFIERS = "identifiers"
    PERSONS = "persons"
    STRICT = "strict"

    @property
    def entities(self) -> frozenset[str]:
        """The kinds that it removes, of those in ``ENTITIES``.

        >>> sorted(PiiPolicy.PERSONS.entities - PiiPolicy.IDENTIFIERS.entities)
        ['person']
        """
        if self is PiiPolicy.IDENTIFIERS:
            return IDENTIFIERS
        if self is PiiPolicy.PERSONS:
            return IDENTIFIERS | {"person"}
        return IDENTIFIERS | NAMED
