"""A question in the words of scrubbed documents: with the stand-ins that they hold for what it names.

Nothing is looked up: a stand-in is made by the tenant's key alone, whether or not any document holds it.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag_service.detect.actions import KEYED, KeptValues, actions_of
from rag_service.detect.entities import IDENTIFIERS
from rag_service.detect.pii import PiiDetector
from rag_service.detect.pseudonyms import stand_in, tags_in
from rag_service.domain.scrubbing import ScrubPolicy


def with_stand_ins(question: str, policy: ScrubPolicy, key: bytes, detector: PiiDetector) -> tuple[str, Sequence[str]]:
    """The question with stand-ins for what has a form, and the tags of whatever in it could be a name."""
    keyed = frozenset(kind for kind, action in actions_of(policy).items() if action in KEYED)
    tags = tags_in(question, key) if keyed - IDENTIFIERS else []
    formed = keyed & IDENTIFIERS
    if not formed:
        return question, tags
    kept = KeptValues(policy.keep)
    for found in reversed(detector.detect(question, formed)):
        value = question[found.start : found.end]
        if not kept.hold(found.kind, value):
            question = f"{question[: found.start]}{stand_in(found.kind, value, key)}{question[found.end :]}"
    return question, tags
