"""``rag jobs`` as operators meet it: real processes over a real queue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from rag_service.authentication import operate
from rag_service.domain.errors import NotFound
from rag_service.domain.jobs import Report, UploadRequest
from rag_service.folder import QUEUE_LOCK, hold
from rag_service.settings import load_settings
from rag_service.store.tenants import Tenant
from rag_service.store.uploads import seal_report, seal_upload
from rag_service.wiring import Store, open_store
from tests.rag import Rag

T = TypeVar("T")


@pytest.fixture
def rag(tmp_path: Path) -> Rag:
    """A folder with two tenants."""

    async def create() -> None:
        async with open_store(load_settings(data_dir=tmp_path / "data")) as store:
            for name in ("acme", "bolt"):
                await store.tenants.create(name, "identifiers")

    asyncio.run(create())
    return Rag(tmp_path / "data")


def in_store(rag: Rag, action: Callable[[Store, Tenant], Awaitable[T]], tenant: str = "acme") -> T:
    """What the action makes of the folder's store, in this process."""

    async def opened() -> T:
        async with open_store(load_settings(data_dir=rag.folder)) as store:
            return await action(store, await store.tenants.by_name(tenant))

    return asyncio.run(opened())


def accepted(rag: Rag, source: str, text: str = "A hotel may cost 140 euros.", tenant: str = "acme") -> str:
    """The id of a job that waits."""

    async def accept(store: Store, owner: Tenant) -> str:
        request = UploadRequest(f"{source}.md", source, "operator", None, ("everyone",))
        sealed = seal_upload(owner.keys, request, text.encode())
        return (await store.uploads.accept(operate(owner), owner.keys, sealed)).job_id

    return in_store(rag, accept, tenant)


def dead_letter(rag: Rag, source: str, text: str = "A taxi may cost 30 euros.", tenant: str = "acme") -> str:
    """The id of a job that was begun once, and given up. Nothing else may wait meanwhile."""
    job_id = accepted(rag, source, text, tenant)

    async def give_up(store: Store, owner: Tenant) -> None:
        claim = await store.queue.claim()
        assert claim is not None
        assert claim.job_id == job_id
        report = Report(reason="parse_failed", detail="the parser was killed")
        await store.queue.give_back(claim, most_attempts=1, sealed_report=seal_report(owner.keys, job_id, report))

    in_store(rag, give_up, tenant)
    return job_id


def states(rag: Rag, *options: str, tenant: str = "acme") -> dict[str, str]:
    jobs = rag.json("jobs", "list", "--tenant", tenant, *options)["jobs"]
    return {job["job_id"]: job["state"] for job in jobs}


def kept_originals(rag: Rag) -> int:
    async def count(store: Store, owner: Tenant) -> int:
        kept = 0
        for job_id in states(rag):
            try:
                await store.uploads.open(operate(owner), owner.keys, job_id)
            except NotFound:  # its original is gone
                continue
            kept += 1
        return kept

    return in_store(rag, count)


def test_every_file_of_an_ingestion_is_a_job_that_tells_how_it_ended(rag: Rag, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "travel.md").write_text("Hotels cost 140 euros. Ask desk@acme.example.\n", encoding="utf-8")
    (folder / "empty.txt").write_text("", encoding="utf-8")
    told = rag.json("ingest", folder, "--tenant", "acme", "--owner", "ann", status=1)
    listed = rag.json("jobs", "list", "--tenant", "acme")
    assert listed["states"] == {"done": 1, "refused": 1}
    done, refused = sorted(listed["jobs"], key=lambda job: str(job["state"]))
    assert done["source"] == str((folder / "travel.md").resolve())
    assert done["document_id"] == told["documents"][0]["document_id"]
    assert done["report"] == {
        "version": 1, "chunks": 1, "removed": {"EMAIL_ADDRESS": 1}, "suspicions": [], "stripped": [],
        "held": [], "members": [], "refused_members": [], "unsearched": [],
        "reason": None, "detail": None,
    }  # fmt: skip
    assert refused["report"]["reason"] == "empty_file"
    assert rag.json("jobs", "show", done["job_id"], "--tenant", "acme") == done

    shown = rag.run("jobs", "show", refused["job_id"], "--tenant", "acme").stdout
    for fact in ("state: refused", "name: empty.txt", "size: 0", "attempts: 1", "reason: empty_file"):
        assert fact in shown.splitlines()
    for line in rag.run("jobs", "list", "--tenant", "acme").stdout.splitlines()[:2]:
        assert ("empty_file" in line) == ("refused" in line)
    assert rag.json("jobs", "list", "--tenant", "bolt") == {"jobs": [], "states": {}}
    assert "rag ingest PATH --tenant bolt" in rag.run("jobs", "list", "--tenant", "bolt").stdout


def test_dead_letters_are_listed_before_what_waits_and_that_before_what_ended(rag: Rag) -> None:
    dead = dead_letter(rag, "dead")
    ended = accepted(rag, "ended")
    rag.json("jobs", "cancel", ended, "--tenant", "acme")
    waiting = [accepted(rag, f"waits-{number}") for number in range(3)]
    assert list(states(rag)) == [dead, *reversed(waiting), ended]
    assert list(states(rag, "--limit", "2")) == [dead, waiting[2]]
    assert states(rag, "--state", "queued", "--limit", "1") == {waiting[2]: "queued"}
    assert set(states(rag, "--state", "queued", "--state", "cancelled")) == {*waiting, ended}
    shown = rag.run("jobs", "list", "--tenant", "acme", "--limit", "1").stdout
    assert shown.splitlines()[-1] == "1 shown, of 3 queued, 1 failed, 1 cancelled"
    assert "No job is running." in rag.run("jobs", "list", "--tenant", "acme", "--state", "running").stdout


def test_a_dead_letter_that_is_tried_again_becomes_its_document(rag: Rag, tmp_path: Path) -> None:
    dead = dead_letter(rag, "taxi")
    assert rag.json("jobs", "retry", "--all", "--tenant", "acme") == {"retried": [dead], "refused": []}
    waiting = rag.json("jobs", "show", dead, "--tenant", "acme")
    assert (waiting["state"], waiting["attempts"]) == ("queued", 0)
    (tmp_path / "other.md").write_text("Trains are booked by the desk.\n", encoding="utf-8")
    rag.json("ingest", tmp_path / "other.md", "--tenant", "acme", "--allow", "everyone")
    done = rag.json("jobs", "show", dead, "--tenant", "acme")
    assert done["state"] == "done"
    assert rag.json("documents", "show", done["document_id"], "--tenant", "acme")["source"] == "taxi"
    refusal = rag.json("jobs", "retry", dead, "--tenant", "acme", status=1)["error"]
    assert refusal["type"] == "Conflict"
    assert "it is done" in refusal["detail"]


def test_older_content_is_not_tried_again_over_newer(rag: Rag) -> None:
    older, newer = dead_letter(rag, "taxi", "30 euros"), dead_letter(rag, "taxi", "40 euros")
    refused = rag.json("jobs", "retry", older, "--tenant", "acme", status=1)["error"]
    assert "uploaded again since" in refused["detail"]
    told = rag.json("jobs", "retry", "--all", "--tenant", "acme", status=1)
    assert told["retried"] == [newer]
    assert [one["job_id"] for one in told["refused"]] == [older]
    rag.json("jobs", "cancel", newer, "--tenant", "acme")
    assert rag.json("jobs", "retry", older, "--tenant", "acme")["retried"] == [older]


def test_what_is_cancelled_keeps_no_original_and_becomes_no_document(rag: Rag, tmp_path: Path) -> None:
    dead, other = dead_letter(rag, "dead"), accepted(rag, "theirs", tenant="bolt")
    first, second, third = (accepted(rag, f"waits-{number}") for number in range(3))
    assert kept_originals(rag) == 4
    told = rag.json("jobs", "cancel", first, dead, first, "feedbeef", "--tenant", "acme", status=1)
    assert told["cancelled"] == [first, dead]
    assert told["refused"] == [{"job_id": "feedbeef", "type": "NotFound", "detail": "no such job"}]
    assert kept_originals(rag) == 2
    assert set(rag.json("jobs", "cancel", "--all", "--tenant", "acme")["cancelled"]) == {second, third}
    assert kept_originals(rag) == 0
    assert set(states(rag).values()) == {"cancelled"}
    assert states(rag, tenant="bolt") == {other: "queued"}
    refusal = rag.json("jobs", "cancel", first, "--tenant", "acme", status=1)["error"]
    assert "it is cancelled already" in refusal["detail"]
    (tmp_path / "other.md").write_text("Trains are booked by the desk.\n", encoding="utf-8")
    rag.json("ingest", tmp_path / "other.md", "--tenant", "acme", "--allow", "everyone")
    assert len(rag.json("documents", "list", "--tenant", "acme")["documents"]) == 1


@pytest.mark.parametrize("verb", ["show", "retry", "cancel"])
def test_another_tenants_job_is_like_one_that_does_not_exist(verb: str, rag: Rag) -> None:
    theirs = dead_letter(rag, "theirs", tenant="bolt")
    told = rag.json("jobs", verb, theirs, "--tenant", "acme", status=1)
    absent = rag.json("jobs", verb, "feedbeef", "--tenant", "acme", status=1)
    assert told["error"]["type"] == absent["error"]["type"] == "NotFound"
    assert told["error"]["detail"].replace(theirs, "feedbeef") == absent["error"]["detail"]
    assert states(rag, tenant="bolt") == {theirs: "failed"}


def test_jobs_are_looked_after_while_others_hold_the_index_and_the_queue(rag: Rag) -> None:
    dead = dead_letter(rag, "dead")
    waits = accepted(rag, "waits")

    async def beside(store: Store, _: Tenant) -> None:
        with hold(store.folder), hold(store.folder, QUEUE_LOCK):
            assert set(states(rag)) == {dead, waits}
            assert rag.json("jobs", "retry", dead, "--tenant", "acme")["retried"] == [dead]
            assert len(rag.json("jobs", "cancel", "--all", "--tenant", "acme")["cancelled"]) == 2

    in_store(rag, beside)


def test_a_source_cannot_steer_the_terminal(rag: Rag) -> None:
    job_id = accepted(rag, "a\x1b[2Jb\nc")
    for command in (("list",), ("show", job_id)):
        shown = rag.run("jobs", *command, "--tenant", "acme").stdout
        assert "a\\x1b[2Jb\\nc" in shown
        assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("list", "--tenant", "nobody"), 1, "no such tenant"),
        (("list", "--tenant", "acme", "--state", "lost"), 2, "cancelled"),
        (("list", "--tenant", "acme", "--limit", "0"), 2, "--limit"),
        (("show", "feedbeef", "--tenant", "acme"), 1, "no such job"),
        (("retry", "--tenant", "acme"), 2, "--all"),
        (("cancel", "feedbeef", "--all", "--tenant", "acme"), 2, "--all"),
    ],
)
def test_a_mistake_gets_a_sentence(arguments: tuple[str, ...], status: int, says: str, rag: Rag) -> None:
    done = rag.run("jobs", *arguments, COLUMNS="200")
    assert done.returncode == status, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", ["list", "show", "retry", "cancel"])
def test_every_verb_explains_itself(verb: str, rag: Rag) -> None:
    assert f"Usage: rag jobs {verb}" in rag.run("jobs", verb, "--help").stdout
