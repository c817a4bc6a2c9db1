"""Whom a reader could write to, call, pay or visit: links, addresses, telephone, account and other numbers of a text.

An answer may name those that the passage names which it cites, and no other. They are compared as a reader would use
them: without the punctuation that people vary, and put together from the parts that stand side by side.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from rag_service.detect.credentials import find_credentials
from rag_service.detect.entities import CREDENTIAL, IDENTIFIERS
from rag_service.detect.pii import PiiDetector
from rag_service.domain.document import Finding
from rag_service.query.exact_facts import active_forms

_DIGITS = re.compile(r"\d(?:[\s().\-–/+,]{0,3}\d)+")
_LEAST_DIGITS = 5
_LINK = re.compile(
    r"(?:[a-z][a-z0-9+.-]{1,20}://|www\.|mailto:)[^\s<>]{1,1000}"
    r"|(?<![\w@.])(?:[a-z0-9-]{1,63}\.){1,5}(?:[a-z]{2,24})(?:/[^\s<>]{0,1000})?(?![\w@])",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_TRAILING = ".,;:!?)\"'”’"
_MAY_IDENTIFY = re.compile(r"\d|@")


def long_numbers(text: str) -> frozenset[str]:
    """Runs of five digits or more, however they are grouped.

    >>> sorted(long_numbers("Call (020) 7946-0958, pay 1,200 by 2024."))
    ['02079460958']
    """
    runs = (re.sub(r"\D", "", match.group()) for match in _DIGITS.finditer(text))
    return frozenset(run for run in runs if len(run) >= _LEAST_DIGITS)


def link_spans(text: str) -> list[tuple[int, int]]:
    """Where links and e-mail addresses stand in plain text.

    >>> text = "Write to ann@a.example or see www.a.example/x."
    >>> [text[a:b] for a, b in link_spans(text)]
    ['ann@a.example', 'www.a.example/x']
    """
    found = [match.span() for pattern in (_MAIL, _LINK) for match in pattern.finditer(text)]
    return sorted((start, start + len(text[start:end].rstrip(_TRAILING))) for start, end in found)


@dataclass(frozen=True, slots=True)
class Identifying:
    """Finds identifiers, and asks the detector, which is slow, only of what may hold one."""

    detector: PiiDetector

    def findings(self, text: str) -> list[Finding]:
        """Identifiers and credentials, in order."""
        if not _MAY_IDENTIFY.search(text):
            return find_credentials(text)
        return self.detector.detect(text, IDENTIFIERS)

    def has_credential(self, text: str) -> bool:
        return any(found.kind == CREDENTIAL for found in find_credentials(text))

    def adds_contact(self, sentence: str, support: str) -> str | None:
        """Which kind of contact the sentence names that its support does not, or None."""
        if not active_forms(sentence) <= active_forms(support):
            return "unsupported_link"
        if not _MAY_IDENTIFY.search(sentence):
            return None
        if not _held(long_numbers(sentence), long_numbers(support)):
            return "unsupported_identifier"
        values: Callable[[str], frozenset[str]] = self.detector.identifier_values
        return None if values(sentence) <= values(support) else "unsupported_identifier"


def _held(wanted: frozenset[str], held: frozenset[str]) -> bool:
    """A grouping may take in a neighbour: a number is held where it is the whole of a run, or a run's end or start."""
    return all(any(run == one or run.startswith(one) or run.endswith(one) for run in held) for one in wanted)
