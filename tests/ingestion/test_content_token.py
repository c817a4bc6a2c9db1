"""What counts as unchanged: nothing that would go another way through the pipeline by now."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from ingestion import verdict
from ingestion.batch import FoundFile, Ingested, Intake, Quarantined, Watcher, ingest_files
from ingestion.crew import ingesting
from ingestion.pipeline import Unchanged
from ingestion.processes.stages import ProcessStages
from ingestion.stages import LocalStages
from rag_service.authentication import operate
from rag_service.detect.pii import PiiDetector
from rag_service.detect.recognizers import digest, read_recognizers
from rag_service.domain.identity import EVERYONE
from rag_service.settings import load_settings
from tests.conftest import Company
from tests.store.test_quarantine import HELD, in_quarantine

Run = Callable[[Any], Any]
Open = Callable[..., Any]
FILE = b"[[recognizer]]\nname = 'staff'\npattern = '\\bEMP-[0-9]{6}\\b'"


async def ingested(company: Company, file: Path, recognizers: bytes) -> Any:
    """The outcome of the file where the installation adds these recognizers."""
    service, added = company.service, digest(recognizers)
    stages = LocalStages(service.embedder, PiiDetector(read_recognizers(recognizers)), recognizers=added)
    tenant = await service.store.tenants.by_name(company.name)
    intake = Intake(tenant, "operator", None, [EVERYONE], recognizers=added)
    async with ingesting(service, nullcontext(stages)):
        found = [FoundFile(file, file.name)]
        [outcome] = await ingest_files(found, intake, service.store, 2**20, Watcher(lambda *_: True))
    return outcome.result


def test_an_unchanged_file_is_scrubbed_by_recognizers_that_are_new(
    run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            file = tmp_path / "staff.md"
            file.write_text("# Staff\n\nThe night shift is led by EMP-004711.\n")
            first = await ingested(acme, file, b"")
            assert isinstance(first, Ingested)
            assert await ingested(acme, file, b"") == Unchanged(first.document_id)
            newer = await ingested(acme, file, FILE)
            assert (newer.document_id, newer.version, newer.removed) == (first.document_id, 2, {"CUSTOM": 1})
            tenant = await acme.service.store.tenants.by_name("acme")
            points, _ = await acme.service.store.versions.points(operate(tenant), tenant.keys, first.document_id)
            assert not any("EMP-" in point.lexical_text for point in points)
            assert await ingested(acme, file, FILE) == Unchanged(first.document_id)

    run(scenario())


def test_what_is_held_by_a_former_rule_is_judged_by_that_of_today(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            file = tmp_path / "ferry.md"
            file.write_text(HELD)
            assert isinstance(await ingested(acme, file, b""), Quarantined)
            assert isinstance(await ingested(acme, file, b""), Quarantined)
            assert [one.version for one in await in_quarantine(acme)] == [1]
            monkeypatch.setattr(verdict, "RULE_VERSION", "another")
            monkeypatch.setattr(verdict, "_of_itself", lambda _: iter(()))
            assert isinstance(await ingested(acme, file, b""), Ingested)
            assert await in_quarantine(acme) == []

    run(scenario())


def test_processes_tell_which_recognizers_they_were_given(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_bytes(FILE)
    stages = ProcessStages(load_settings(data_dir=tmp_path, recognizers=tmp_path / "own.toml"))
    assert stages.recognizers == digest(FILE) != ProcessStages(load_settings(data_dir=tmp_path)).recognizers
    (tmp_path / "own.toml").write_bytes(b"")  # they are not given another by that
    assert stages.recognizers == digest(FILE)
