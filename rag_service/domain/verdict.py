"""What was decided about a document on its way in: whether it goes live or waits for a reviewer, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HELD_CONTAINER = "held_container"

REASONS: Mapping[str, str] = {
    "concealed_instruction": "Text that a reader of the file does not see gives orders to a model.",
    "encoded_instruction": "An order to a model is written in base64 or another encoding.",
    "instruction_in_title": "The title gives orders to a model.",
    "injected_instruction": "A sentence gives orders to a model that reads the document.",
    "off_topic_request": "A sentence asks for something that has nothing to do with what the document is about.",
    "disguised_text": "Whole sentences are made invisible by their colour, size or place.",
    "hidden_characters": "Characters that no reader can see spell out text.",
    "unsearched_language": "Names are to be removed, and cannot be found in the language that the text is in.",
    "flood": "Documents of one uploader word one claim in several ways, as if to outvote what others say.",
    HELD_CONTAINER: "The archive or mail that it came in waits for a reviewer.",
}
"""Every reason that a verdict can have, and what it means; the gravest first."""


@dataclass(frozen=True, slots=True)
class CrossFindings:
    """What a document shows beside its uploader's other ones.

    ``reasons`` are words of ``REASONS``; ``also`` are the ids of live documents that are to be held with it, which went
    live before there were enough of them to tell. ``evidence`` are kinds of signs that hold nothing by themselves.
    """

    reasons: tuple[str, ...]
    also: tuple[str, ...]
    detector_version: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reasons`` are words of ``REASONS``, in its order; none if the document may go live."""

    reasons: tuple[str, ...]
    detector_version: str

    @property
    def holds(self) -> bool:
        """Whether the document waits for a reviewer."""
        return bool(self.reasons)
