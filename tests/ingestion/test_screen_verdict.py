"""What is found in a document decides whether it goes live."""

from __future__ import annotations

import pytest

from ingestion.judge import THRESHOLD
from ingestion.screen import MENTIONED
from ingestion.verdict import HELD_ODDS, OUT_OF_PLACE_ODDS, REASONS, CrossFindings, verdict
from rag_service.domain.document import Finding, MediaType, ScreenedDocument, ScrubbedDocument


def screened(
    *,
    suspicions: tuple[Finding, ...] = (),
    concealments: tuple[str, ...] = (),
    requests: tuple[Finding, ...] = (),
    evidence: tuple[Finding, ...] = (),
) -> ScreenedDocument:
    scrubbed = ScrubbedDocument("Report", MediaType.TEXT, "Some words of a report.", (), (), {})
    return ScreenedDocument(scrubbed, suspicions, concealments, "detectors-1", requests, evidence=evidence)


LIKELY = Finding("off_topic_request", 0, 4, THRESHOLD)
LIKELIER = Finding("off_topic_request", 0, 4, OUT_OF_PLACE_ODDS)
MIRROR = Finding("mirrored_question", 6, 9)
PLACE = Finding("passage_out_of_place", 0, 9)


@pytest.mark.parametrize(
    ("found", "reasons"),
    [
        (screened(), ()),
        (screened(concealments=("concealed_instruction",)), ("concealed_instruction",)),
        (screened(concealments=("encoded_instruction",)), ("encoded_instruction",)),
        (screened(concealments=("instruction_in_title",)), ("instruction_in_title",)),
        (screened(concealments=("tag_characters",)), ("hidden_characters",)),
        (screened(concealments=("concealed_text", "soft_hyphens")), ()),
        (screened(suspicions=(Finding("injected_instruction", 0, 4),)), ("injected_instruction",)),
        (screened(suspicions=(Finding("off_topic_request", 0, 4, HELD_ODDS),)), ("off_topic_request",)),
        (screened(suspicions=(Finding("off_topic_request", 0, 4, HELD_ODDS - 0.01),)), ()),
        (screened(suspicions=(Finding("soft_hyphens", 0, 4),)), ()),
        (screened(suspicions=(Finding("injected_instruction", 0, 4, MENTIONED),)), ()),
        (screened(evidence=(MIRROR, PLACE)), ()),
        (screened(suspicions=(LIKELY,), evidence=(MIRROR,)), ("off_topic_request",)),
        (screened(suspicions=(LIKELY,), evidence=(PLACE,)), ()),
        (screened(suspicions=(LIKELIER,), evidence=(PLACE,)), ("off_topic_request",)),
        (screened(suspicions=(LIKELIER,), evidence=(Finding("passage_out_of_place", 5, 9),)), ()),
    ],
)  # fmt: skip
def test_a_document_is_held_for_what_was_found_in_it(found: ScreenedDocument, reasons: tuple[str, ...]) -> None:
    reached = verdict(found, None)
    assert (reached.reasons, reached.holds) == (reasons, bool(reasons))
    assert reached.detector_version.endswith("detectors-1")
    assert set(reasons) <= set(REASONS)


def test_a_document_is_held_for_what_its_neighbours_show() -> None:
    reached = verdict(screened(concealments=("concealed_instruction",)), CrossFindings(("flood",), ("a",), "floods-1"))
    assert reached.reasons == ("concealed_instruction", "flood")
    assert reached.detector_version.split()[-1] == "floods-1"


def test_no_verdict_is_reached_before_requests_are_judged() -> None:
    with pytest.raises(ValueError, match="judged"):
        verdict(screened(requests=(Finding("request", 0, 4),)), None)
