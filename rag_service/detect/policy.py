"""What each policy removes."""

from __future__ import annotations

from enum import StrEnum

CREDENTIAL = "credential"


class PiiPolicy(StrEnum):
    """What is scrubbed from a tenant's documents. Each policy removes all that the one before it does."""

    IDENTIFIERS = "identifiers"
    PERSONS = "persons"
    STRICT = "strict"

    @property
    def named_entities(self) -> frozenset[str]:
        """The kinds that need a language model to find; the rest are patterns, and all policies have them.

        >>> sorted(PiiPolicy.PERSONS.named_entities)
        ['person']
        """
        if self is PiiPolicy.IDENTIFIERS:
            return frozenset()
        if self is PiiPolicy.PERSONS:
            return frozenset({"person"})
        return frozenset({"person", "location", "date_time", "organization", "nrp"})
