"""Commands beside whoever holds the folder: through SQL, and through a socket that only the master key opens."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from rag_service.authentication import operate
from rag_service.crypto.keys import KeyVault
from rag_service.domain import errors
from rag_service.domain.errors import InvalidRequest, NotFound, OwnerUnreachable
from rag_service.domain.identity import Principal
from rag_service.folder import DataFolder, hold
from rag_service.owner import reach, remote, socket, wire
from rag_service.owner.address import address, is_listening
from rag_service.owner.desk import LocalDesk
from rag_service.owner.reach import at_desk, until_followed
from rag_service.owner.remote import RemoteDesk, remote_desk
from rag_service.owner.socket import is_own_peer, owner_socket
from rag_service.owner.token import Gate, operator_token
from rag_service.settings import Settings
from rag_service.wiring import open_store
from tests.rag import RAG, Rag

Run = Callable[[Any], Any]
Open = Callable[..., Any]

TEXT = {"toll_md": "# Toll\n\nThe bridge toll is nine marks for a cart. Walkers pay nothing.\n"}
QUESTION = "What is the bridge toll for a cart?"


@pytest.fixture
def open_desk(open_companies: Open, tmp_path: Path) -> Open:
    """A company whose service listens on the folder's socket, and a desk at the other end."""

    @asynccontextmanager
    async def opened(patience_s: float = 30) -> AsyncIterator[tuple[Any, RemoteDesk]]:
        async with open_companies("bridge") as (company,):
            await company.ingest(tmp_path / "docs", **TEXT)
            store = company.service.store
            async with (
                owner_socket(company.service),
                remote_desk(store.folder, store.outbox, "`rag test`", patience_s) as desk,
            ):
                yield company, desk

    return opened


def test_the_desk_answers_the_same_through_the_socket(run: Run, open_desk: Open) -> None:
    async def scenario() -> None:
        async with open_desk() as (company, desk):
            service = company.service
            tenant = await service.store.tenants.by_name("bridge")
            local = LocalDesk(service)
            asked = {"tenant": "bridge", "user": "ann", "groups": ["carters"], "limit": 5}
            answer, other = await desk.ask(QUESTION, **asked), await local.ask(QUESTION, **asked)
            assert "nine marks" in answer.answer
            assert replace(answer, answer_id="", trace_id="") == replace(other, answer_id="", trace_id="")
            assert await desk.embedding() == await local.embedding()
            assert await desk.collections() == {tenant.keys.index.collection}
            ids = await desk.point_ids(tenant.id)
            assert ids == await local.point_ids(tenant.id) != frozenset()
            here, there = await local.points(tenant.id, sorted(ids)), await desk.points(tenant.id, sorted(ids))
            assert here.keys() == there.keys()
            for point_id, point in here.items():
                assert (there[point_id].vector == point.vector).all()
                assert replace(there[point_id], vector=point.vector) == replace(
                    point, term_ids=list(point.term_ids), term_weights=list(point.term_weights),
                    access=list(point.access),
                )  # fmt: skip

    run(scenario())


def test_errors_come_back_as_they_were_raised(run: Run, open_desk: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with open_desk() as (_, desk):
            asked = {"user": "ann", "groups": [], "limit": 5}
            with pytest.raises(NotFound, match="no such tenant"):
                await desk.ask(QUESTION, tenant="nobody", **asked)
            with pytest.raises(InvalidRequest, match="characters"):
                await desk.ask("x" * 5000, tenant="bridge", **asked)
            with pytest.raises(NotFound, match="no such tenant"):
                await desk.point_ids("feedbeef")

            async def defect(*_: object, **__: object) -> None:
                raise ZeroDivisionError

            monkeypatch.setattr(LocalDesk, "ask", defect)
            with pytest.raises(OwnerUnreachable, match="`rag test`, which met a defect"):
                await desk.ask(QUESTION, tenant="bridge", **asked)
            await desk.hello()

    run(scenario())


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidRequest("ask properly"), errors.QuestionRefused("kind"), errors.NotFound("tenant"),
        errors.SealBroken(), errors.SignatureInvalid(), errors.ModelUnverified("m", "f"),
        errors.InvalidSetting("s", "d"), errors.EmbeddingMismatch("a", "b"), errors.DatabaseUnavailable("c"),
        errors.IndexUnavailable("d"), errors.ModelUnavailable("m", "d"),
    ],
)  # fmt: skip
def test_an_error_crosses_whole(error: errors.RagError) -> None:
    told = wire.encoded_error(error)
    assert told is not None
    back = wire.decoded_error(told)
    assert type(back) is type(error)
    assert str(back) == str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b'{"error": "refused"}', b'{"error": {"type": "SystemExit", "fields": {}}}',
        b'{"error": {"type": "NotFound", "fields": {}}}', b'{"error": {"type": "NotFound", "fields": {"kind": 1}}}',
        b'{"error": {"type": "NotFound", "fields": {"kind": "a", "more": "b"}}}',
        b'{"error": {"type": "FolderHeld", "fields": {"path": "/", "holder": "x"}}}',
    ],
)  # fmt: skip
def test_what_is_no_error_that_may_cross_makes_none(body: bytes) -> None:
    assert wire.decoded_error(body) is None


def at(moment: float, monkeypatch: pytest.MonkeyPatch, make: Callable[[], str]) -> str:
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: moment)
        return make()


def test_without_its_own_fresh_token_every_request_is_refused_alike(
    run: Run, open_desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = wire.encoded(wire.Question(QUESTION, "bridge", "ann", (), 5))

    async def scenario() -> None:
        async with open_desk() as (company, _):
            folder: DataFolder = company.service.store.folder
            stolen = replace(folder, vault=KeyVault(b"\x01" * 32))
            elsewhere = replace(folder, id="0" * 16)
            now = time.time()
            spent = operator_token(folder, "POST", "/ask", body)
            right = operator_token(folder, "POST", "/ask", body)
            scheme, _, rest = right.partition(" ")
            moment, nonce, signature = rest.split(".")
            refused = {
                "none": "",
                "garbage": "Operator x.y.z",
                "not ASCII": "Operator 1.é.z",
                "another scheme": f"Bearer {rest}",
                "another key": operator_token(stolen, "POST", "/ask", body),
                "another folder": operator_token(elsewhere, "POST", "/ask", body),
                "another path": operator_token(folder, "POST", "/points", body),
                "another method": operator_token(folder, "GET", "/ask", body),
                "another body": operator_token(folder, "POST", "/ask", body + b" "),
                "too old": at(now - 61, monkeypatch, lambda: operator_token(folder, "POST", "/ask", body)),
                "of the future": at(now + 30, monkeypatch, lambda: operator_token(folder, "POST", "/ask", body)),
                "forged": f"{scheme} {moment}.{nonce}.{'0' * len(signature)}",
                "made younger": f"{scheme} {int(moment) + 1}.{nonce}.{signature}",
                "used before": spent,
            }
            with address(folder) as path:
                transport = httpx.AsyncHTTPTransport(uds=path)
                async with httpx.AsyncClient(transport=transport, base_url="http://owner") as client:

                    async def ask(token: str, to: str = "/ask", content: bytes = body) -> httpx.Response:
                        headers = {"Authorization": token.encode()}
                        return await client.post(to, content=content, headers=headers)

                    assert (await ask(spent)).status_code == 200
                    responses = {why: await ask(token) for why, token in refused.items()}
                    responses["unknown path"] = await ask("", to="/shutdown")
                    large = b"x" * (2**20 + 1)
                    responses["too large"] = await ask(operator_token(folder, "POST", "/ask", large), content=large)
                    told = {why: (one.status_code, one.content) for why, one in responses.items()}
                    assert told == dict.fromkeys(told, (401, b'{"error": "refused"}'))
                    assert (await ask(right)).status_code == 200

    run(scenario())


def test_a_spent_token_is_forgotten_only_when_it_is_too_old(run: Run, settings: Settings, tmp_path: Path) -> None:
    folder = DataFolder(tmp_path, "id", KeyVault(b"\x02" * 32))
    gate = Gate(folder)
    tokens = [operator_token(folder, "POST", "/hello", b"") for _ in range(3)]
    assert [gate.admits(token, "POST", "/hello", b"") for token in tokens * 2] == [True] * 3 + [False] * 3
    assert len(gate._spent) == 3


def test_each_operators_request_is_logged_without_what_was_asked(run: Run, open_desk: Open) -> None:
    structlog.reset_defaults()  # a command that ran in this process before may have asked for warnings only

    async def scenario() -> None:
        async with open_desk() as (company, desk):
            tenant = await company.service.store.tenants.by_name("bridge")
            with capture_logs() as logs:
                await desk.ask(QUESTION, tenant="bridge", user="anneliese", groups=["carters"], limit=5)
                with pytest.raises(InvalidRequest):
                    await desk.ask("x" * 5000, tenant="bridge", user="anneliese", groups=[], limit=5)
                with pytest.raises(NotFound):
                    await desk.ask(QUESTION, tenant="nobody", user="anneliese", groups=[], limit=5)
                with address(company.service.store.folder) as path:
                    transport = httpx.AsyncHTTPTransport(uds=path)
                    async with httpx.AsyncClient(transport=transport, base_url="http://owner") as client:
                        await client.post("/ask", content=b"secret")
            found = [one for one in logs if one["event"] == "operator_request"]
            assert [(one["kind"], one["tenant"], one["outcome"]) for one in found] == [
                ("ask", tenant.id, "done"),
                ("ask", tenant.id, "InvalidRequest"),
                ("ask", None, "NotFound"),
                ("ask", None, "refused"),
            ]
            for word in (QUESTION, "anneliese", "carters", "bridge", "nobody", "secret"):
                assert word not in str(logs)

    run(scenario())


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_the_socket_is_for_its_owner_alone_and_goes_with_its_service(
    umask: int, run: Run, open_companies: Open
) -> None:
    async def scenario() -> None:
        async with open_companies("bridge") as (company,):
            folder: DataFolder = company.service.store.folder
            (folder.path / "owner.sock").write_text("of a dead owner", encoding="utf-8")
            before = os.umask(umask)
            try:
                async with owner_socket(company.service):
                    found = (folder.path / "owner.sock").stat().st_mode
                    assert stat.S_ISSOCK(found)
                    assert stat.S_IMODE(found) == 0o600
                    assert is_listening(folder)
            finally:
                os.umask(before)
            assert not (folder.path / "owner.sock").exists()
            assert not is_listening(folder)

    run(scenario())


@pytest.mark.parametrize(("user", "is_own"), [(os.geteuid(), True), (0, True), (54321, False)])
def test_a_peer_is_known_by_its_user(user: int, is_own: bool) -> None:
    class Connection:
        def getsockopt(self, *_: int) -> bytes:
            return struct.pack("3i", 1, user, 1)

    assert is_own_peer(Connection()) is is_own  # type: ignore[arg-type]  # all that is asked of a socket


def test_another_users_connection_ends_before_it_is_read(
    run: Run, open_desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_desk() as (company, _):
            store = company.service.store
            monkeypatch.setattr(socket, "is_own_peer", lambda _: False)
            with capture_logs() as logs, pytest.raises(OwnerUnreachable):
                async with remote_desk(store.folder, store.outbox, "`rag test`", 5):
                    pass
            assert logs == []

    run(scenario())


def test_a_holder_that_serves_no_socket_or_does_not_answer_is_named(
    run: Run, open_companies: Open, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "PATIENCE_S", 0.3)
    monkeypatch.setattr(remote, "_HELLO_S", 0.3)

    async def desk() -> None:
        async with open_store(settings) as store, reach.reach(settings, store, patience_s=0.3):
            pass

    async def scenario() -> None:
        async with open_companies("bridge") as (company,):
            folder: DataFolder = company.service.store.folder
            with pytest.raises(OwnerUnreachable, match=rf"process {os.getpid()}\), which does not answer"):
                await desk()
            with socket._bound(folder), pytest.raises(OwnerUnreachable, match="which does not answer"):
                await desk()  # it takes the connection, and that is all

    run(scenario())


def test_a_change_waits_for_the_index_and_says_when_it_waits_in_vain(
    run: Run, open_companies: Open, settings: Settings, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("bridge") as (company,):
            document = await company.document_id(tmp_path / "docs", ["everyone"], **TEXT)
        async with open_store(settings) as store:
            tenant = await store.tenants.by_name("bridge")
            await store.versions.set_access(operate(tenant), tenant.keys, document, [Principal.user("ann")])
            with hold(store.folder), pytest.raises(OwnerUnreachable, match="the change is made in SQL"):
                await until_followed(settings, store, tenant.id, limit_s=0.2)

            released = asyncio.Event()

            async def held_for_a_while() -> None:
                with hold(store.folder):
                    await asyncio.sleep(0.5)
                    released.set()

            holding = asyncio.create_task(held_for_a_while())
            await asyncio.sleep(0)
            await until_followed(settings, store, tenant.id)
            assert released.is_set(), "it took the hold over, and not before it was free"
            assert await store.outbox.newest(tenant.id) == 0
            await holding

    run(scenario())


def test_a_deleted_tenants_collection_goes_where_nobody_holds_the_folder(
    run: Run, open_companies: Open, settings: Settings, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("bridge") as (company,):
            await company.ingest(tmp_path / "docs", **TEXT)
        async with open_store(settings) as store:
            tenant = await store.tenants.by_name("bridge")
            await store.tenants.delete(tenant)
            await until_followed(settings, store, tenant.id)
            assert await store.outbox.newest(tenant.id) == 0
        assert await at_desk(settings, lambda _, desk: desk.collections()) == frozenset()

    run(scenario())


def test_where_nobody_holds_the_folder_the_command_does(run: Run, open_companies: Open, settings: Settings) -> None:
    async def scenario() -> None:
        async with open_companies("bridge"):
            pass
        kinds = await at_desk(settings, lambda _, desk: asyncio.sleep(0, type(desk)))
        assert kinds is LocalDesk

    run(scenario())


# From here on through real processes.


@pytest.fixture(scope="module")
def rag(tmp_path_factory: pytest.TempPathFactory) -> Rag:
    """A folder whose path is longer than the address of a socket may be."""
    return Rag(tmp_path_factory.mktemp("owner") / ("deep" * 20) / ("deeper" * 20) / "data")


@pytest.fixture(autouse=True)
def one_key(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "rag" in request.fixturenames:
        folder: Path = request.getfixturevalue("rag").folder
        monkeypatch.setenv("RAG_MASTER_KEY_FILE", str(folder.parents[2] / "master.key"))


@pytest.fixture
def documents(rag: Rag) -> dict[str, str]:
    """The ids of two documents by name, in a tenant of the folder, for everyone."""
    folder = rag.folder.parents[2] / "documents"
    folder.mkdir(exist_ok=True)
    (folder / "toll.md").write_text(TEXT["toll_md"], encoding="utf-8")
    (folder / "gate.md").write_text("# Gate\n\nThe east gate closes at dusk by order of the reeve.\n", encoding="utf-8")
    rag.run("tenant", "create", "bridge")
    done = rag.json("ingest", folder, "--tenant", "bridge", "--allow", "everyone")
    return {Path(one["path"]).stem: one["document_id"] for one in done["documents"] + done["unchanged"]}


def holder(rag: Rag) -> int:
    [process] = re.findall(r"process (\d+)", (rag.folder / "lock").read_text(encoding="utf-8"))
    return int(process)


def test_commands_work_beside_a_running_service(rag: Rag, documents: dict[str, str]) -> None:
    gate = ("ask", "When does the east gate close?", "--tenant", "bridge", "--user", "ann")
    assert len(str(rag.folder)) > 108
    with rag.serving():
        assert stat.S_IMODE((rag.folder / "owner.sock").stat().st_mode) == 0o600
        assert rag.json(*gate)["found"] is True
        rag.json("documents", "access", documents["gate"], "--tenant", "bridge", "--allow", "group:wardens")
        assert rag.json(*gate)["found"] is False
        assert rag.json(*gate, "--group", "wardens")["found"] is True
        assert rag.json("reindex")["reindexed"] == ["bridge"]
        assert rag.json(*gate, "--group", "wardens")["found"] is True
        checks = rag.json("doctor", "--deep")["checks"]
        assert {"index of bridge", "seals of bridge", "rows", "outbox"} <= {one["name"] for one in checks}
        rag.json("documents", "delete", documents["gate"], "--tenant", "bridge")
        assert rag.json(*gate, "--group", "wardens")["found"] is False
        rag.run("tenant", "create", "short-lived")
        assert rag.json("tenant", "delete", "short-lived", "--yes")["deleted"] == "short-lived"
        assert rag.json("ask", "x", "--tenant", "short-lived", "--user", "ann", status=1)["error"] == {
            "type": "NotFound", "detail": "no such tenant"
        }  # fmt: skip
        wrong = rag.run("ask", "x", "--tenant", "bridge", "--user", "ann", RAG_MASTER_KEY="ab" * 32)
        assert "the master key is not the one" in wrong.stderr
    assert not (rag.folder / "owner.sock").exists()
    assert rag.json("doctor", "--deep")["ok"] is True


def test_after_a_kill_commands_take_over_at_once_and_the_next_service_too(rag: Rag, documents: dict[str, str]) -> None:
    toll = ("ask", QUESTION, "--tenant", "bridge", "--user", "ann")
    with rag.serving():
        os.kill(holder(rag), signal.SIGKILL)
        assert rag.json(*toll)["found"] is True
        assert (rag.folder / "owner.sock").exists(), "the killed one could not remove it"
    with rag.serving():
        assert is_socket_live(rag)
        assert rag.json(*toll)["found"] is True


def is_socket_live(rag: Rag) -> bool:
    return is_listening(DataFolder(rag.folder, "", KeyVault(bytes(32))))


def test_a_question_to_a_holder_that_dies_is_answered_by_the_command_itself(
    rag: Rag, documents: dict[str, str]
) -> None:
    with rag.serving():
        server = holder(rag)
        os.kill(server, signal.SIGSTOP)
        command = [str(RAG), "ask", QUESTION, "--tenant", "bridge", "--user", "ann"]
        environment = {**os.environ, "RAG_DATA_DIR": str(rag.folder)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as asking:
            time.sleep(4)  # by then it waits for the one that stands still
            assert asking.poll() is None
            os.kill(server, signal.SIGKILL)
            told, _ = asking.communicate(timeout=60)
        assert asking.returncode == 0
        assert "nine marks" in told
