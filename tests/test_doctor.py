"""`rag doctor`: whatever is altered, lost or left over in SQL or index is found, and what can be is mended."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from ingestion.batch import FoundFile, Ingested
from rag_service.authentication import operate
from rag_service.cli import build_app
from rag_service.doctor.checks import Check
from rag_service.doctor.examine import examine
from rag_service.domain.identity import Principal, TenantId
from rag_service.domain.retrieval import SealedPoint
from rag_service.owner.desk import LocalDesk
from rag_service.settings import Settings
from rag_service.store.tenants import Tenant
from rag_service.wiring import Service
from tests.conftest import Company

Run = Callable[[Any], Any]
Open = Callable[..., Any]

FILES = {
    "ferry_md": "# Ferry\n\nThe ferry to Holm sails at seven and at noon. In a storm it stays in the harbour.\n",
    "light_md": "# Lighthouse\n\nThe lamp of the lighthouse is changed every third autumn by its two keepers.\n",
}


@dataclass
class Patient:
    """One tenant with two documents of a chunk each, in order of their ids."""

    service: Service
    settings: Settings
    tenant: Tenant
    documents: list[str]
    chunks: list[str]

    @property
    def collection(self) -> str:
        return self.tenant.keys.index.collection

    async def point(self, number: int) -> SealedPoint:
        chunk = self.chunks[number]
        return (await self.service.index.read(self.collection, [chunk]))[chunk]

    async def alter(self, number: int, **changes: Any) -> None:
        """The index holds a point otherwise than it was written."""
        await self.service.index.upsert(self.collection, [replace(await self.point(number), **changes)])

    def sql(self, statement: str, *values: object) -> None:
        with sqlite3.connect(self.settings.data_dir / "rag.db") as database:
            assert database.execute(statement, values).rowcount != 0, "nothing was damaged"
        database.close()

    async def wrong(self, *, deep: bool = True, repair: bool = False, desk: Any = None) -> dict[str, Check]:
        """The checks that are not well, and those that were mended, by their names."""
        desk = desk or LocalDesk(self.service)
        checks = await examine(self.settings, self.service.store, desk, lambda *_: None, deep=deep, repair=repair)
        assert len({check.name for check in checks}) == len(checks) >= 7
        return {check.name: check for check in checks if not check.ok or check.repaired}


@pytest.fixture
def open_patient(open_companies: Open, settings: Settings, tmp_path: Path) -> Open:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Patient]:
        async with open_companies("holm") as (company,):
            await company.ingest(tmp_path / "docs", **FILES)
            tenant = await company.service.store.tenants.by_name("holm")
            await company.service.follower.catch_up(tenant.id)
            documents = await company.service.store.versions.document_ids(operate(tenant))
            points = [
                (await company.service.store.versions.points(operate(tenant), tenant.keys, one))[0] for one in documents
            ]
            yield Patient(company.service, settings, tenant, documents, [one.chunk_id for [one] in points])

    return opened


def test_what_is_well_is_found_well(run: Run, open_patient: Open) -> None:
    async def scenario() -> None:
        async with open_patient() as patient:
            assert await patient.wrong() == {}
            assert await patient.wrong(deep=False, repair=True) == {}

    run(scenario())


def test_a_source_that_was_scrubbed_is_no_damage(run: Run, open_patient: Open, tmp_path: Path) -> None:
    """What readers see of it is another text than the one that the document is known by."""

    async def scenario() -> None:
        async with open_patient() as patient:
            path = tmp_path / "minutes-for-ann.smith@example.com.md"
            path.write_text("# Minutes\n\nThe pier was painted.\n", encoding="utf-8")
            company = Company(patient.service, "holm")
            [outcome] = await company.ingest_found([FoundFile(path, str(path))], ["everyone"])
            assert isinstance(outcome.result, Ingested)
            assert await patient.wrong() == {}

    run(scenario())


async def wider_access(patient: Patient) -> None:
    await patient.alter(0, access=[*(await patient.point(0)).access, "ab" * 16])


async def another_vector(patient: Patient) -> None:
    await patient.alter(0, vector=np.roll((await patient.point(0)).vector, 1))


async def other_terms(patient: Patient) -> None:
    await patient.alter(0, term_ids=[1, 2], term_weights=[1.0, 1.0])


async def heavier_terms(patient: Patient) -> None:
    await patient.alter(0, term_weights=[2 * weight for weight in (await patient.point(0)).term_weights])


async def another_document(patient: Patient) -> None:
    await patient.alter(0, document=(await patient.point(1)).document)


async def another_source(patient: Patient) -> None:
    await patient.alter(0, source=(await patient.point(1)).source)


async def lost_point(patient: Patient) -> None:
    await patient.service.index.delete(patient.collection, [patient.chunks[0]])


async def stray_point(patient: Patient) -> None:
    stray = replace(await patient.point(0), point_id="00000000-0000-4000-8000-000000000001")
    await patient.service.index.upsert(patient.collection, [stray])


IN_THE_INDEX = [
    wider_access, another_vector, other_terms, heavier_terms, another_document, another_source, lost_point, stray_point
]  # fmt: skip


@pytest.mark.parametrize("damage", IN_THE_INDEX)
def test_whatever_the_index_holds_otherwise_is_found_and_mended(
    damage: Callable[[Patient], Awaitable[None]], run: Run, open_patient: Open
) -> None:
    async def scenario() -> None:
        async with open_patient() as patient:
            await damage(patient)
            [check] = (await patient.wrong()).values()
            assert check.name == "index of holm"
            assert not check.ok
            assert check.documents == (() if damage is stray_point else (patient.documents[0],))
            [check] = (await patient.wrong(repair=True)).values()
            assert check.ok
            assert check.repaired
            assert await patient.wrong() == {}

    run(scenario())


@pytest.mark.parametrize("damage", [lost_point, stray_point])
def test_ids_that_differ_are_found_without_opening_anything(
    damage: Callable[[Patient], Awaitable[None]], run: Run, open_patient: Open
) -> None:
    async def scenario() -> None:
        async with open_patient() as patient:
            await damage(patient)
            assert [check.ok for check in (await patient.wrong(deep=False)).values()] == [False]
            assert [check.ok for check in (await patient.wrong(deep=False, repair=True)).values()] == [True]
            assert await patient.wrong() == {}

    run(scenario())


def test_a_collection_of_nobody_is_found_and_removed(run: Run, open_patient: Open) -> None:
    async def scenario() -> None:
        async with open_patient() as patient:
            await patient.service.index.upsert("ab" * 16, [await patient.point(0)])
            assert [check.name for check in (await patient.wrong(deep=False)).values()] == ["collections"]
            assert (await patient.wrong(deep=False, repair=True))["collections"].ok
            assert "ab" * 16 not in await patient.service.index.collections()
            assert await patient.wrong() == {}

    run(scenario())


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE chunks SET sealed_record = zeroblob(90) WHERE document_id = ?", "a chunk does not open"),
        (
            (
                "UPDATE vectors SET sealed_vector = zeroblob(90)"
                " WHERE chunk_id IN (SELECT id FROM chunks WHERE document_id = ?)"
            ),
            "a chunk does not open",
        ),
        (
            "DELETE FROM vectors WHERE chunk_id IN (SELECT id FROM chunks WHERE document_id = ?)",
            "a chunk has no vector",
        ),
        ("UPDATE chunks SET signature = zeroblob(32) WHERE document_id = ?", "does not carry its signature"),
        ("UPDATE versions SET sealed_text = zeroblob(90) WHERE document_id = ?", "version 1 does not open"),
        ("UPDATE versions SET sealed_meta = zeroblob(90) WHERE document_id = ?", "version 1 does not open"),
        ("UPDATE versions SET version_key = zeroblob(60) WHERE document_id = ?", "version 1 does not open"),
        ("UPDATE access SET sealed_principal = zeroblob(40) WHERE document_id = ?", "access list does not open"),
        ("UPDATE access SET principal_token = 'everyone' WHERE document_id = ?", "names another than it shows"),
        ("UPDATE documents SET source_token = 'other' WHERE id = ?", "its source is another"),
        ("UPDATE documents SET live_version = 7 WHERE id = ?", "its live version is missing"),
    ],
)
def test_what_was_altered_in_sql_is_named_and_cannot_be_mended(
    statement: str, told: str, run: Run, open_patient: Open
) -> None:
    async def scenario() -> None:
        async with open_patient() as patient:
            patient.sql(statement, patient.documents[0])
            for repair in (False, True):
                check = (await patient.wrong(repair=repair))["seals of holm"]
                assert not check.ok
                assert told in check.detail
                assert check.documents == (patient.documents[0],)

    run(scenario())


def test_a_chunk_that_was_lost_from_sql_is_missed(run: Run, open_patient: Open) -> None:
    async def scenario() -> None:
        async with open_patient() as patient:
            patient.sql("DELETE FROM chunks WHERE document_id = ?", patient.documents[0])
            wrong = await patient.wrong()
            assert "0 of 1 chunks are there" in wrong["seals of holm"].detail
            assert "1 points belong to none" in wrong["index of holm"].detail

    run(scenario())


JOB = (
    "INSERT INTO jobs (id, tenant_id, document_id, source_token, content_token, state, stage, size, attempts, "
    "not_before, created_at, changed_at) VALUES ('j', ?, 'd', 's', 'c', '{}', '', 1, 0, '2999-01-01 00:00:00.000000', "
    "'2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000')"
)
SPOOL = "INSERT INTO spool VALUES (?, 'j', x'00', x'00')"
UPLOAD = "INSERT INTO uploads VALUES (?, 'j', x'00', NULL)"


@pytest.mark.parametrize(
    ("statements", "told", "mends"),
    [
        ([JOB.format("queued"), UPLOAD], "1 waiting jobs without their original", False),
        ([JOB.format("queued"), SPOOL], "1 jobs without what was asked for", False),
        ([UPLOAD], "1 requests without a job", False),
        ([SPOOL], "1 originals kept for no job that waits or failed", False),
        ([JOB.format("done"), UPLOAD, SPOOL], "1 originals kept for no job that waits or failed", True),
        ([JOB.format("failed"), UPLOAD, SPOOL], None, True),
        (
            ["UPDATE chunks SET version = 7 WHERE tenant_id = ?"],
            "2 chunks of a version that is neither live nor in quarantine",
            False,
        ),
        (["DELETE FROM versions WHERE tenant_id = ?"], "2 documents without a version", False),
        (
            ["UPDATE members SET tenant_id = 'gone' WHERE tenant_id = ?"],
            "1 rows of nothing that is there in members",
            False,
        ),
    ],
)
def test_rows_that_do_not_belong_together_are_found(
    statements: Sequence[str], told: str | None, mends: bool, run: Run, open_patient: Open
) -> None:
    async def scenario() -> None:
        async with open_patient() as patient:
            await patient.service.store.groups.set(operate(patient.tenant), patient.tenant.keys, "crew", ["ann"])
            for statement in statements:
                patient.sql(statement, patient.tenant.id)
            check = (await patient.wrong()).get("rows")
            assert (check.detail if check else None) == told
            assert check is None or not check.ok
            check = (await patient.wrong(repair=True)).get("rows")
            assert (check is None or check.ok) == mends

    run(scenario())


def test_dead_letters_are_told_of(run: Run, open_patient: Open) -> None:
    async def scenario() -> None:
        async with open_patient() as patient:
            for statement in (JOB.format("failed"), UPLOAD, SPOOL):
                patient.sql(statement, patient.tenant.id)
            desk = LocalDesk(patient.service)
            checks = await examine(
                patient.settings, patient.service.store, desk, lambda *_: None, deep=False, repair=False
            )
            [jobs] = [check for check in checks if check.name == "jobs"]
            assert "1 failed" in jobs.detail
            assert "rag jobs" in jobs.detail

    run(scenario())


class BusyDesk(LocalDesk):
    """While it is asked, others write: before each of the first reads, an access list changes or a document goes."""

    def __init__(self, patient: Patient) -> None:
        super().__init__(patient.service)
        self._patient = patient
        self.left = 2

    async def points(
        self, tenant: TenantId, point_ids: Sequence[str], *, beside: bool = False
    ) -> Mapping[str, SealedPoint]:
        await self._write()
        return await super().points(tenant, point_ids, beside=beside)

    async def point_ids(self, tenant: TenantId, *, beside: bool = False) -> frozenset[str]:
        await self._write()
        return await super().point_ids(tenant, beside=beside)

    async def _write(self) -> None:
        if self.left:
            self.left -= 1
            versions, tenant = self._patient.service.store.versions, self._patient.tenant
            if self.left:
                readers = [Principal.user("ann")]
                await versions.set_access(operate(tenant), tenant.keys, self._patient.documents[0], readers)
            else:
                await versions.delete(operate(tenant), self._patient.documents[1])


@pytest.mark.parametrize("deep", [False, True])
def test_what_others_write_meanwhile_is_not_taken_for_damage(deep: bool, run: Run, open_patient: Open) -> None:
    async def scenario() -> None:
        async with open_patient() as patient:
            desk = BusyDesk(patient)
            assert await patient.wrong(deep=deep, desk=desk) == {}
            assert desk.left <= 1, "nothing was written meanwhile"

    run(scenario())


def test_an_index_that_does_not_follow_is_told_of(
    run: Run, open_patient: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(*_: object) -> None:
        pass

    async def scenario() -> None:
        async with open_patient() as patient:
            monkeypatch.setattr(patient.service.index, "upsert", lose)
            versions = patient.service.store.versions
            await versions.set_access(
                operate(patient.tenant), patient.tenant.keys, patient.documents[0], [Principal.user("ann")]
            )
            wrong = await patient.wrong()
            assert not wrong["outbox"].ok
            assert not wrong["index of holm"].ok

    run(scenario())


def test_the_command_tells_all_and_ends_with_1_until_all_is_mended(
    run: Run, open_patient: Open, settings: Settings
) -> None:
    async def damage() -> str:
        async with open_patient() as patient:
            await wider_access(patient)
            return patient.documents[0]

    damaged = run(damage())
    command = ["doctor", "--deep", "--data-dir", str(settings.data_dir)]
    found = CliRunner().invoke(build_app(), command)
    assert found.exit_code == 1
    assert "FAIL  index of holm: 1 documents differ from SQL" in found.stdout
    assert damaged in found.stdout
    mended = CliRunner().invoke(build_app(), [*command, "--repair", "--json"])
    assert mended.exit_code == 0
    told = json.loads(mended.stdout)
    assert told["ok"] is True
    [check] = [one for one in told["checks"] if one["repaired"]]
    assert check["documents"] == [damaged]
    after = CliRunner().invoke(build_app(), command)
    assert after.exit_code == 0
    assert "mend" not in after.stdout
