"""Bombs in the sandboxed parser, under low limits: each is refused with a typed reason, and the next file is served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from eval.hostile import archives, mails, packages, pdfs, texts
from eval.hostile.bombs import HONEST, HONEST_TEXT
from eval.hostile.report import Run, passed, report_of
from ingestion.processes.limits import MIB
from ingestion.processes.programs import PROGRAMS
from ingestion.processes.stages import ProcessStages
from rag_service.domain.document import ParsedDocument, Upload
from rag_service.domain.errors import Refused
from rag_service.domain.identity import TenantId
from rag_service.settings import Settings

ACME = TenantId("acme")


@pytest.fixture(scope="module")
def stages() -> Iterator[ProcessStages]:
    limits = replace(PROGRAMS.parser.limits, cpu_s=2, wall_s=60.0, s_per_mib=1, memory_bytes=700 * MIB)
    low = replace(PROGRAMS, parser=replace(PROGRAMS.parser, limits=limits))
    started = ProcessStages(Settings(), parsers=1, programs=low)
    yield started
    started.close()


def parsed(stages: ProcessStages, name: str, content: bytes) -> ParsedDocument:
    return asyncio.run(stages.of(ACME).parse(Upload(name, content, name), 64 * MIB))


def outcome(stages: ProcessStages, name: str, content: bytes) -> str:
    try:
        parsed(stages, name, content)
    except Refused as refusal:
        return refusal.reason
    return "taken"


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("laughs.docx", packages.laughing_docx, "external_entities"),
        ("laughs.odt", packages.laughing_odt, "external_entities"),
        ("laughs.xml", texts.laughing_xml, "external_entities"),
        ("laughs.html", texts.laughing_page, "external_entities"),
        ("quadratic.xml", lambda: texts.quadratic_xml(1000), "external_entities"),
        ("outside.xml", texts.outside_xml, "external_entities"),
        ("expanding.docx", packages.expanding_docx, "archive_bomb"),
        ("lying.docx", packages.lying_docx, "malformed"),
        ("expanding.epub", packages.expanding_epub, "archive_bomb"),
        ("deep.docx", lambda: packages.deep_docx(100_000), "archive_bomb"),
        ("image.docx", packages.huge_image_docx, "oversized_image"),
        ("huge.png", lambda: packages.png(10**5, 10**5), "oversized_image"),
        ("image.pdf", pdfs.huge_image_pdf, "oversized_image"),
        ("pages.pdf", pdfs.many_pages, "too_large"),
        ("cycle.pdf", pdfs.cyclic_page_tree, "malformed"),
        ("billion.pdf", pdfs.billion_pages, "malformed"),
        ("deep.json", lambda: texts.deep_json(100_000), "malformed"),
        ("digits.json", lambda: texts.long_number(10_000), "malformed"),
        ("nested.eml", lambda: mails.nested_parts(1000), "malformed"),
    ],
)
def test_a_bomb_is_refused_with_a_typed_reason(
    stages: ProcessStages, name: str, make: Callable[[], bytes], reason: str
) -> None:
    assert outcome(stages, name, make()) == reason


@pytest.mark.parametrize(
    ("name", "make", "reasons"),
    [
        ("forms.pdf", pdfs.laughing_forms, {"parser_timeout", "parser_memory"}),  # allocates without end
        ("receivers.eml", lambda: mails.many_receivers(20_000), {"malformed"}),  # a reader that is as good as a loop
    ],
)
def test_what_wears_a_real_parser_out_is_refused_and_an_honest_file_beside_it_is_read(
    stages: ProcessStages, name: str, make: Callable[[], bytes], reasons: set[str]
) -> None:
    assert outcome(stages, name, make()) in reasons
    assert [one.text for one in parsed(stages, HONEST, HONEST_TEXT).elements] == [HONEST_TEXT.decode().strip()]


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("tables.pdf", pdfs.looping_tables),
        ("objects.pdf", lambda: pdfs.deep_objects(100_000)),
        ("far.xlsx", packages.all_merged_xlsx),
        ("deep.html", lambda: texts.deep_lists(2000)),
        ("headers.eml", lambda: mails.many_headers(1000)),
        ("comments.html", lambda: texts.open_comments(10_000)),
    ],
)
def test_what_only_looks_like_a_bomb_is_read(stages: ProcessStages, name: str, make: Callable[[], bytes]) -> None:
    assert outcome(stages, name, make()) == "taken"


def test_a_forged_zip_says_what_it_was_told_to() -> None:
    packed = archives.deflated_run(b"a", 16 * MIB)
    assert len(archives.forged_zip({"a": (packed, 16 * MIB)})) < 64 * 1024


def run_of(outcome: dict[str, list[dict[str, str]]], *, answers: bool = True) -> Run:
    return Run(["a", "b"], outcome, 1.0, (0.0, 0.0), {}, 0.0, {}, [], answers)


@pytest.mark.parametrize(
    ("outcome", "answers", "good"),
    [
        ({"documents": [{"path": "a"}], "refused": [{"path": "b", "reason": "malformed"}]}, True, True),
        ({"documents": [{"path": "a"}], "refused": [{"path": "b", "reason": "malformed"}]}, False, False),
        ({"documents": [{"path": "a"}], "refused": []}, True, False),
        ({"documents": [{"path": "a"}, {"path": "b"}], "refused": [{"path": "b", "reason": "x"}]}, True, False),
        ({"documents": [{"path": "a"}], "refused": [{"path": "b", "reason": "internal_error"}]}, True, False),
        ({"documents": [{"path": "a"}], "refused": [{"path": "b", "reason": "parse_failed"}]}, True, False),
    ],
)
def test_a_run_passes_only_where_every_file_has_one_outcome_and_nothing_broke(
    outcome: dict[str, list[dict[str, str]]], answers: bool, good: bool
) -> None:
    assert passed(report_of(run_of(outcome, answers=answers))) is good
