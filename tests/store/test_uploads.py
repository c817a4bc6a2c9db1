"""Accepting: durable, once, within limits, and never over what belongs to somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rag_service.authentication import operate
from rag_service.domain.errors import Conflict, NotFound, QueueFull, SealBroken
from rag_service.domain.identity import Role
from rag_service.domain.jobs import JobState, UploadRequest
from rag_service.store.uploads import QueueLimits, seal_upload
from tests.databases import opened, rows, tamper
from tests.store.queued import NO_LIMITS, Queued, over, queued, raises

Run = Callable[[Any], Any]
TELLING = "The harbourmaster Ottoline decides when the sluice gates are opened."


def test_what_was_accepted_is_there_for_a_process_that_comes_later(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with queued(tmp_path) as first:
            acme = await first.tenant("acme")
            accepted = await first.accept(acme, "a.md", TELLING, owner="ann")
        async with queued(tmp_path) as second:
            acme = await second.tenants.by_name("acme")
            request, content = await second.uploads.open(operate(acme), acme.keys, accepted.job_id)
            assert request == UploadRequest("a.md", "a.md", "test", "ann", ("everyone",))
            assert content.decode() == TELLING
            assert (await second.claim()).document_id == accepted.document_id

    run(scenario())


def test_a_waiting_upload_cannot_be_read_in_the_file(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with queued(tmp_path) as q:
            await q.accept(await q.tenant("acme"), "ottoline-gates.md", TELLING, owner="anneliese")

    run(scenario())
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for word in (b"Ottoline", b"sluice", b"ottoline-gates", b"anneliese"):
        assert word not in stored


def test_the_content_of_a_job_that_ended_is_not_left_in_the_file(tmp_path: Path, run: Run) -> None:
    async def scenario() -> bytes:
        async with queued(tmp_path) as q:
            acme = await q.tenant("acme")
            await q.accept(acme, "a.md", TELLING)
            [(sealed,)] = rows(tmp_path, "select sealed_content from spool")
            await q.store(acme, await q.claim())
            return bytes(sealed)

    sealed = run(scenario())
    assert rows(tmp_path, "select * from spool") == []
    assert all(sealed not in file.read_bytes() for file in tmp_path.iterdir())


def test_the_same_upload_is_taken_once_while_it_waits(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with queued(tmp_path) as q:
            acme = await q.tenant("acme")
            first = await q.accept(acme, "a.md", "one")
            assert await q.accept(acme, "a.md", "one") == first
            claim = await q.claim()
            assert await q.accept(acme, "a.md", "one") == first, "also while it runs"
            await q.store(acme, claim)
            later = await q.accept(acme, "a.md", "one")
            assert later.job_id != first.job_id
            assert later.document_id == first.document_id
            # Other content between makes it another upload: the last one accepted is what stays.
            between = await q.accept(acme, "a.md", "two")
            again = await q.accept(acme, "a.md", "one")
            assert len({later.job_id, between.job_id, again.job_id}) == 3

    run(scenario())


@pytest.mark.parametrize("change", [{"name": "b.md"}, {"title": "T"}, {"access": ("user:bo",)}, {"folder": "/f"}])
def test_another_request_for_the_same_content_is_another_upload(
    tmp_path: Path, run: Run, change: dict[str, Any]
) -> None:
    async def scenario() -> None:
        async with queued(tmp_path) as q:
            acme = await q.tenant("acme")
            request = UploadRequest("a.md", "a.md", "test", "ann", ("everyone",))
            first, second = [
                await q.uploads.accept(operate(acme), acme.keys, seal_upload(acme.keys, one, b"text"))
                for one in (request, replace(request, **change))
            ]
            assert first.job_id != second.job_id
            assert first.document_id == second.document_id

    run(scenario())


def test_uploads_of_one_source_that_come_at_once_are_of_one_document(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with queued(tmp_path) as q:
            acme = await q.tenant("acme")
            accepted = await asyncio.gather(*(q.accept(acme, "a.md", str(number % 3)) for number in range(12)))
            assert len({one.document_id for one in accepted}) == 1

    run(scenario())


def test_a_dead_letter_and_a_later_upload_are_of_one_document(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with queued(tmp_path) as q:
            acme = await q.tenant("acme")
            first = await q.accept(acme, "a.md", "one")
            await q.fail(acme, await q.claim())
            again = await q.accept(acme, "a.md", "one")
            assert again.job_id != first.job_id, "a dead letter does nothing by itself"
            assert again.document_id == first.document_id

    run(scenario())


class TestReplacing:
    """Only the owner or an administrator replaces a document, whatever state it is in."""

    @pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.FAILED, JobState.STORED])
    def test_another_user_cannot(self, tmp_path: Path, run: Run, state: JobState) -> None:
        async def scenario() -> None:
            async with queued(tmp_path) as q:
                acme = await q.tenant("acme")
                ann, bob = await q.user(acme, "ann"), await q.user(acme, "bob")
                admin = await q.user(acme, "root", Role.ADMIN)
                job = await q.accept(acme, "a.md", "ann's", by=ann)
                if state is not JobState.QUEUED:
                    claim = await q.claim()
                if state is JobState.FAILED:
                    await q.fail(acme, claim)
                if state is JobState.STORED:
                    await q.store(acme, claim)
                assert await q.state(acme, job.job_id) is state
                await raises(Conflict, q.accept(acme, "a.md", "bob's", by=bob))
                assert (await q.accept(acme, "a.md", "ann's next", by=ann)).document_id == job.document_id
                assert (await q.accept(acme, "a.md", "root's", by=admin)).document_id == job.document_id

        run(scenario())

    def test_not_by_way_of_an_upload_that_waits_in_their_own_name(self, tmp_path: Path, run: Run) -> None:
        """The first to be stored will own the document, though the last to be accepted is of another."""

        async def scenario() -> None:
            async with queued(tmp_path) as q:
                acme = await q.tenant("acme")
                ann, bob = await q.user(acme, "ann"), await q.user(acme, "bob")
                await q.accept(acme, "a.md", "ann's", by=ann)
                await q.accept(acme, "a.md", "for bob", owner="bob")  # by an operator, who may
                await raises(Conflict, q.accept(acme, "a.md", "bob's", by=bob))

        run(scenario())

    def test_nor_what_has_no_owner(self, tmp_path: Path, run: Run) -> None:
        async def scenario() -> None:
            async with queued(tmp_path) as q:
                acme = await q.tenant("acme")
                await q.accept(acme, "a.md", "the operator's")
                await q.store(acme, await q.claim())
                await raises(Conflict, q.accept(acme, "a.md", "bob's", by=await q.user(acme, "bob")))

        run(scenario())

    def test_a_source_is_free_again_once_its_document_is_gone(self, tmp_path: Path, run: Run) -> None:
        async def scenario() -> None:
            async with queued(tmp_path) as q:
                acme = await q.tenant("acme")
                ann, bob = await q.user(acme, "ann"), await q.user(acme, "bob")
                job = await q.accept(acme, "a.md", "ann's", by=ann)
                await q.store(acme, await q.claim())
                await q.versions.delete(operate(acme), job.document_id)
                assert (await q.accept(acme, "a.md", "bob's", by=bob)).document_id != job.document_id

        run(scenario())

    def test_a_user_cannot_upload_in_another_name(self, tmp_path: Path, run: Run) -> None:
        async def scenario() -> None:
            async with queued(tmp_path) as q:
                acme = await q.tenant("acme")
                bob = await q.user(acme, "bob", Role.ADMIN)
                request = UploadRequest("a.md", "a.md", "bob", "ann", None)
                with pytest.raises(ValueError, match="their own"):
                    await q.uploads.accept(bob.scope, acme.keys, seal_upload(acme.keys, request, b"text"))

        run(scenario())


def test_nothing_of_one_tenant_is_accepted_or_opened_for_another(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with queued(tmp_path) as q:
            acme, bolt = await q.tenant("acme"), await q.tenant("bolt")
            sealed = seal_upload(acme.keys, UploadRequest("a", "a", "t", None, None), b"text")
            for scope, keys in ((operate(bolt), bolt.keys), (operate(acme), bolt.keys), (operate(bolt), acme.keys)):
                with pytest.raises(ValueError, match="one tenant"):
                    await q.uploads.accept(scope, keys, sealed)
            job = await q.accept(acme, "a.md")
            await raises(NotFound, q.uploads.open(operate(bolt), bolt.keys, job.job_id))
            await raises(SealBroken, q.uploads.open(operate(acme), bolt.keys, job.job_id))
            await raises(NotFound, q.jobs.job(operate(bolt), bolt.keys, job.job_id))

    run(scenario())


def test_uploads_cannot_be_exchanged_in_the_database(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with queued(tmp_path) as q:
            acme = await q.tenant("acme")
            one, other = await q.accept(acme, "a.md", "one"), await q.accept(acme, "b.md", "other")
            for job, put in ((one, "x"), (other, one.job_id)):
                tamper(tmp_path, "update spool set job_id = ? where job_id = ?", put, job.job_id)
            await raises(SealBroken, q.uploads.open(operate(acme), acme.keys, one.job_id))

    run(scenario())


class TestLimits:
    def test_a_tenant_has_only_so_many_jobs_waiting_and_another_is_not_in_its_way(
        self, tmp_path: Path, run: Run
    ) -> None:
        async def scenario() -> None:
            async with queued(tmp_path, QueueLimits(jobs=2, size=10**6)) as q:
                acme, bolt = await q.tenant("acme"), await q.tenant("bolt")
                first = await q.accept(acme, "0")
                await q.accept(acme, "1")
                await raises(QueueFull, q.accept(acme, "2"))
                assert await q.accept(acme, "0") == first, "what waits already takes no more room"
                claim = await q.claim()
                await raises(QueueFull, q.accept(acme, "2"))  # what runs counts
                await q.accept(bolt, "0")
                await q.end(acme, claim)
                await q.accept(acme, "2")

        run(scenario())

    def test_and_only_so_many_bytes_but_one_upload_of_any_size(self, tmp_path: Path, run: Run) -> None:
        async def scenario() -> None:
            async with queued(tmp_path, QueueLimits(jobs=100, size=10)) as q:
                acme = await q.tenant("acme")
                await q.accept(acme, "0", "x" * 50)
                await raises(QueueFull, q.accept(acme, "1", ""))
                await q.end(acme, await q.claim())
                await q.accept(acme, "1", "x" * 6)
                await raises(QueueFull, q.accept(acme, "2", "x" * 5))
                await q.accept(acme, "2", "x" * 4)

        run(scenario())

    def test_dead_letters_of_users_take_room_and_are_not_in_the_operators_way(self, tmp_path: Path, run: Run) -> None:
        """They keep their content: else files that always fail would fill the disk, one after the other."""

        async def scenario() -> None:
            async with queued(tmp_path, QueueLimits(jobs=100, size=10)) as q:
                acme = await q.tenant("acme")
                eve = await q.user(acme, "eve")
                letter = await q.accept(acme, "0", "x" * 10, by=eve)
                await q.fail(acme, await q.claim())
                await raises(QueueFull, q.accept(acme, "1", "x", by=eve))
                await q.accept(acme, "2", "x" * 10)
                await q.end(acme, await q.claim())
                await q.jobs.cancel(operate(acme), letter.job_id)
                await q.accept(acme, "1", "x", by=eve)

        run(scenario())

    def test_uploads_that_come_at_once_do_not_pass_it_together(self, tmp_path: Path, run: Run) -> None:
        async def scenario() -> None:
            async with queued(tmp_path, QueueLimits(jobs=3, size=10**6)) as q:
                acme = await q.tenant("acme")
                others = [over(opened(tmp_path), QueueLimits(3, 10**6)) for _ in range(2)]
                coming = [one.accept(acme, f"{at}-{number}") for at, one in enumerate(others) for number in range(5)]
                outcomes = await asyncio.gather(*coming, return_exceptions=True)
                assert sum(isinstance(one, QueueFull) for one in outcomes) == 7
                for one in others:
                    await one.database.close()

        run(scenario())


def test_nothing_is_accepted_for_a_tenant_that_is_gone(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with queued(tmp_path) as q:
            acme = await q.tenant("acme")
            await q.tenants.delete(acme)
            await raises(NotFound, q.accept(acme, "a.md"))

    run(scenario())
    assert rows(tmp_path, "select * from spool") == rows(tmp_path, "select * from jobs") == []


@pytest.mark.sqlite
def test_accepting_costs_little_where_much_waits(tmp_path: Path, run: Run) -> None:
    """What is read grows with the tenant's own queue only through an index, never with the spool."""

    async def scenario() -> None:
        async with queued(tmp_path) as q:
            acme = await q.tenant("acme")
            await q.accept(acme, "a.md")

    run(scenario())
    query = "select count(*), sum(size) from jobs where state in ('queued', 'running') and tenant_id = 'x'"
    [(_, _, _, plan)] = rows(tmp_path, f"explain query plan {query}")
    assert plan.startswith("SEARCH jobs USING")


def test_an_upload_that_was_interrupted_is_there_whole_or_not_at_all(tmp_path: Path, run: Run) -> None:
    """A client that goes away cancels the request, wherever its transaction stands."""

    async def scenario(q: Queued) -> None:
        acme = await q.tenant("acme")
        for number in range(60):
            task = asyncio.create_task(q.accept(acme, str(number), "x" * 5000))
            for _ in range(number):
                await asyncio.sleep(0)
            await asyncio.sleep(number % 7 * 0.0007)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await q.accept(acme, "last")

    async def main() -> None:
        async with queued(tmp_path, NO_LIMITS) as q:
            await scenario(q)

    run(main())
    whole = rows(tmp_path, "select id from jobs join uploads on id = uploads.job_id join spool on id = spool.job_id")
    for table, column in (("jobs", "id"), ("uploads", "job_id"), ("spool", "job_id")):
        assert sorted(rows(tmp_path, f"select {column} from {table}")) == sorted(whole)  # noqa: S608  # our own names
    assert whole
