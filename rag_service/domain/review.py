"""Documents in quarantine: what is said of them, to whom, and what reviewers decide."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

UNDER_REVIEW = "under_review"
"""What an uploader is told in the place of reasons that are not theirs to know."""

_OF_THE_DOCUMENT_ITSELF = frozenset(
    {
        "concealed_instruction",
        "disguised_text",
        "encoded_instruction",
        "instruction_in_title",
        "injected_instruction",
        "off_topic_request",
        "hidden_characters",
        "unsearched_language",
    }
)
"""Any other reason may tell of other documents: only reviewers learn it."""


def told_to_uploader(reasons: Collection[str]) -> tuple[str, ...]:
    """The reasons as whoever uploaded the document may know them.

    >>> told_to_uploader(["flood", "injected_instruction"])
    ('injected_instruction', 'under_review')
    """
    own = sorted(_OF_THE_DOCUMENT_ITSELF.intersection(reasons))
    return tuple(own if len(own) == len(set(reasons)) else [*own, UNDER_REVIEW])


class Decision(StrEnum):
    """What happened to a version in quarantine."""

    HELD = "held"
    PREVIEWED = "previewed"
    RELEASED = "released"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Review:
    """An entry of the history. ``kinds`` are those of the suspicions that a release was about."""

    review_id: str
    document_id: str
    version: int
    decision: Decision
    by: str
    at: datetime
    source: str
    reasons: tuple[str, ...]
    kinds: tuple[str, ...]
    detector_version: str
    note: str


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """A version in quarantine as reviewers see it listed. ``live_version`` goes on answering meanwhile; 0 is none.

    ``readers`` will be its access list, where it was uploaded with one that takes the place of the document's.
    """

    document_id: str
    version: int
    live_version: int
    title: str
    source: str
    media_type: str
    uploader: str
    owner: str | None
    held_at: datetime
    reasons: tuple[str, ...]
    detector_version: str
    suspicions: dict[str, int]
    concealments: tuple[str, ...]
    characters: int
    chunks: int
    readers: tuple[str, ...] | None = None
