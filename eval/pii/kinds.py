"""Which of our kinds a data set's label means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rag_service.detect.entities import ENTITIES
from rag_service.domain.errors import InvalidRequest

_MEANT: Mapping[str, str] = {
    "PER": "person",
    "FIRST_NAME": "person",
    "LAST_NAME": "person",
    "NAME": "person",
    "GPE": "location",
    "LOC": "location",
    "FAC": "location",
    "FACILITY": "location",
    "GEO_LOC": "location",
    "CITY": "location",
    "COUNTRY": "location",
    "STATE": "location",
    "ADDRESS": "street_address",
    "ZIP_CODE": "postal_code",
    "ZIP": "postal_code",
    "POSTCODE": "postal_code",
    "ORG": "organization",
    "ORGANISATION": "organization",
    "COMPANY": "organization",
    "CORPORATION": "organization",
    "GROUP": "organization",
    "DATE": "date_time",
    "TIME": "date_time",
    "NORP": "nrp",
    "NATIONALITY": "nrp",
    "EMAIL": "email_address",
    "PHONE": "phone_number",
    "IBAN": "iban_code",
    "SSN": "us_ssn",
    "IP": "ip_address",
    "DOMAIN_NAME": "url",
    "DOMAIN": "url",
    "PREFIX": "title",
    "PASSWORD": "credential",
    "SECRET": "credential",
}


def kinds_of(labels: Iterable[str], chosen: Mapping[str, str]) -> dict[str, str | None]:
    """Each label with its kind; ``None`` for one that we do not look for. ``chosen`` goes before what is known.

    >>> kinds_of(["GPE", "person", "product"], {})
    {'GPE': 'location', 'person': 'person', 'product': None}
    """
    found: dict[str, str | None] = {}
    for label in labels:
        name = label.upper().replace("-", "_")
        plain = name.lower() if name.lower() in ENTITIES else _MEANT.get(name)
        kind = chosen.get(label, plain)
        found[label] = kind or None
    return found


def read_choices(pairs: Iterable[str]) -> dict[str, str]:
    """``LABEL=kind`` as given on a command line; ``LABEL=`` says that a label is not looked for.

    Raises:
        InvalidRequest: without a sign of equality, or of a kind that does not exist.
    """
    chosen: dict[str, str] = {}
    for pair in pairs:
        label, equals, kind = pair.partition("=")
        if not (label and equals) or (kind and kind not in ENTITIES):
            raise InvalidRequest(f"--map takes LABEL=kind, where kind is one of {', '.join(sorted(ENTITIES))}")
        chosen[label] = kind
    return chosen
