"""Text from outside at the edges: in requests, in arguments, in file names. No 500, no traceback, no steering."""

from __future__ import annotations

import json
import os
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion.batch import FileOutcome
from ingestion.progress import line
from rag_service.commands.ask import readable
from rag_service.commands.options import duration, json_text, printable, show, table
from rag_service.domain.answer import Answer
from rag_service.domain.errors import Refused
from rag_service.domain.identity import EVERYONE, Principal
from rag_service.settings import Settings
from rag_service.store.database import SHARED
from tests.rag import RAG, Rag
from tests.security.http import client

Run = Callable[[Any], Any]
Open = Callable[..., Any]

HOSTILE = "a\x1b]0;pwn\x07\x1b[2Jb\nREFUSED    c\u2028\u202e\x9b.md"


def test_requests_that_no_store_can_hold_are_422_without_an_echo(run: Run, open_companies: Open) -> None:
    bodies = [
        r'{"question": "zebra\ud800?"}',
        r'{"question": "What?", "filters": {"document_ids": ["zebra\udfff"]}}',
        r'{"question": "What?", "filters": {"sources": ["zebra\ud800"]}}',
        r'{"question": "What?", "zebra\ud800": 1}',
    ]

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            async with client(acme.service, await acme.key("ann")) as web:
                responses = [
                    await web.post(f"/v1/tenants/acme/{route}", content=body)
                    for route in ("query", "search")
                    for body in bodies
                ]
                responses += [
                    await web.get(f"/v1/tenants/acme/documents/{path}?version={version}")
                    for version in (2**31, 2**63 - 1, 2**63, 10**40)
                    for path in ("x", "x/text")
                ]
            for response in responses:
                assert response.status_code == 422
                assert response.headers["content-type"] == "application/problem+json"
                assert "zebra" not in response.text

    run(scenario())


def test_whoever_has_no_key_learns_nothing_of_what_is_wrong_with_a_request(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            good = await acme.key("ann")
            json_type = "application/json"
            for key, statuses in ((None, (401, 401)), (good[:-3] + "AAA", (401, 401)), (good, (404, 422))):
                async with client(acme.service, key) as web:
                    long_name = await web.post(f"/v1/tenants/{'x' * 5000}/query", json={"question": "What?"})
                    bad_json = [
                        await web.post("/v1/tenants/acme/query", content=body, headers={"content-type": json_type})
                        for body in (b"{", b"[" * 100_000, b'{"limit": ' + b"9" * 5000 + b"}")
                    ]
                assert (long_name.status_code, *{one.status_code for one in bad_json}) == statuses
                kind = "unauthenticated" if statuses[1] == 401 else "invalid-request"
                assert {one.json()["type"] for one in bad_json} == {f"urn:rag-service:problem:{kind}"}

    run(scenario())


def test_a_database_that_breaks_is_a_503_that_tells_callers_nothing(
    run: Run, open_companies: Open, settings: Settings
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            key = await acme.key("ann")
            tables = acme.service.store.tenants
            async with tables._database.write(SHARED) as connection:
                await connection.run_sync(lambda sync: sync.exec_driver_sql("ALTER TABLE api_keys RENAME TO gone"))
            async with client(acme.service, key) as web:
                response = await web.get("/v1/tenants/acme/documents")
            assert response.status_code == 503
            assert "api_keys" not in response.text

    run(scenario())


def test_a_name_cannot_steer_a_terminal_or_forge_a_line() -> None:
    shown = line(FileOutcome(Path(HOSTILE), Refused("empty_file", "it is empty")))
    assert shown.startswith(r"REFUSED    a\x1b]0;pwn\x07\x1b[2Jb\nREFUSED    c\u2028\u202e\x9b.md: empty_file.")
    assert shown.isprintable()
    assert printable("b\udcff.md") == r"b\udcff.md"
    assert table([("1", HOSTILE)], "none").isprintable()
    for kept in ("Übersicht — 中文 👩‍👩‍👧.md", "می‌خواهم"):
        assert printable(kept) == kept


def test_an_answer_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show(False, None, "one\x1b[2J\rtwo\n\tthree \udcff می‌خواهم")
    assert capsys.readouterr().out == "one\\x1b[2J\\rtwo\n\tthree \\udcff می‌خواهم\n"


def test_a_title_in_a_readable_answer_stays_on_its_line() -> None:
    fields: dict[str, Any] = dict.fromkeys(Answer.__dataclass_fields__)
    citation = _citation(title="T\n  [2] forged\x1b[2J")
    shown = readable(Answer(**{**fields, "answer": "Yes [1].", "citations": [citation], "flags": []}))
    assert len(shown.splitlines()) == 2
    assert "\x1b" not in shown


def test_a_decision_that_was_taken_often_is_shown_once() -> None:
    from rag_service.domain.answer import Flag

    fields: dict[str, Any] = dict.fromkeys(Answer.__dataclass_fields__)
    flags = [Flag("vet", "injected_instruction", "dropped", document_id=str(at)) for at in range(3)]
    once = Flag("guard", "personal_data", "redacted")
    shown = readable(Answer(**{**fields, "answer": "Yes.", "citations": [], "flags": [*flags, once]}))
    assert shown.splitlines()[1:] == [
        "  (vet: injected_instruction dropped, 3 times)",
        "  (guard: personal_data redacted)",
    ]


def _citation(title: str) -> Any:
    from rag_service.domain.answer import Citation

    fields: dict[str, Any] = dict.fromkeys(Citation.__dataclass_fields__)
    return Citation(**{**fields, "marker": 1, "title": title, "start": 0, "end": 3, "quote": "Yes"})


def test_json_can_always_be_written() -> None:
    steering = "\x1b[2J\x9b2J\x7f\u202e\n\U000e0041"
    text = json_text({"path": "b\udcff.md", "title": steering})
    assert json.loads(text.encode("utf-8")) == {"path": "b\ufffd.md", "title": steering}
    assert not set(text) & (set(steering) - set("[2J\n"))


@pytest.mark.parametrize("text", ["²d", "٣d", "1٣d", "-1d", "0d", "d", "1.5h"])
def test_a_duration_is_written_in_ascii_digits(text: str) -> None:
    with pytest.raises(Exception, match="write a number and a unit"):
        duration(text)


def test_a_principal_is_compared_in_one_spelling() -> None:
    composed = "Zoë"
    decomposed = unicodedata.normalize("NFD", composed)
    assert decomposed != composed
    for kind in ("user", "group"):
        assert Principal.parse(f"{kind}: {decomposed} ") == Principal.parse(f"{kind}:{composed}")
        assert Principal.parse(f"{kind}:{decomposed}").name == composed
    assert Principal.parse("everyone") is EVERYONE


@pytest.mark.parametrize("name", ["a\x00b", "a\x1bb", "a\nb", "a\u202eb", "a\u200bb", "a\udcffb", "", " "])
def test_a_principal_that_could_match_nobody_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"control characters|is not user:NAME"):
        Principal.parse(f"group:{name}")


@pytest.fixture
def rag(tmp_path: Path) -> Rag:
    rag = Rag(tmp_path / "data")
    rag.json("tenant", "create", "acme")
    return rag


def raw(rag: Rag, *arguments: bytes | str) -> subprocess.CompletedProcess[bytes]:
    """A run whose arguments and output are bytes, as they are on a real command line."""
    environment = {**os.environ, "RAG_DATA_DIR": str(rag.folder)}
    return subprocess.run(
        [str(RAG), *arguments], env=environment, capture_output=True, timeout=240, check=False, stdin=subprocess.DEVNULL
    )


def test_an_argument_that_is_no_text_gets_a_sentence(rag: Rag) -> None:
    cases: list[tuple[bytes | str, ...]] = [
        ("ask", b"soup \xff", "--tenant", "acme", "--user", "ann"),
        ("ask", "soup", "--tenant", b"acme\xff", "--user", "ann"),
        ("documents", "show", b"\xff", "--tenant", "acme"),
    ]
    for arguments in cases:
        done = raw(rag, *arguments)
        assert done.returncode == 1
        assert b"not valid UTF-8" in done.stderr
        assert b"Traceback" not in done.stderr
        printed = raw(rag, *arguments, "--json")
        assert json.loads(printed.stdout)["error"]["type"] == "InvalidRequest"


def test_hostile_file_names_are_reported_without_a_crash(rag: Rag, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for name in (b"b\xff.md", os.fsencode(HOSTILE)):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:  # noqa: PTH118, PTH123  # names in bytes
            file.write(b"")
    done = raw(rag, "ingest", str(folder), "--tenant", "acme", "--allow", "everyone", "--json")
    assert done.returncode == 1, done.stderr
    paths = {one["path"] for one in json.loads(done.stdout)["refused"]}
    assert paths == {f"{folder}/b\ufffd.md", f"{folder}/{HOSTILE}"}
    shown = raw(rag, "ingest", str(folder), "--tenant", "acme", "--allow", "everyone")
    assert shown.returncode == 1
    assert len(shown.stdout.splitlines()) == 3, "one line a file, and the sum"
    assert b"\x1b" not in shown.stdout
    assert b"Traceback" not in shown.stderr


def test_deleting_without_consent_says_how_to_consent(rag: Rag) -> None:
    error = rag.json("tenant", "delete", "acme", status=1)["error"]
    assert "--yes" in error["detail"]
    assert rag.json("tenant", "list")["tenants"], "nothing may be deleted"


def test_wrong_usage_is_one_json_document_too(rag: Rag) -> None:
    error = rag.json("key", "create", "--tenant", "acme", "--user", "u", "--expires", "²d", status=2)["error"]
    assert error["type"] == "WrongUsage"


@pytest.mark.parametrize("spoil", ["no record", "spoilt record", "no database", "spoilt database", "a file"])
def test_a_damaged_folder_gets_a_sentence(spoil: str, rag: Rag, tmp_path: Path) -> None:
    record, database = rag.folder / "installation.json", rag.folder / "rag.db"
    match spoil:
        case "no record":
            record.unlink()
        case "spoilt record":
            record.write_text("{", encoding="utf-8")
        case "no database":
            database.unlink()
        case "spoilt database":
            database.write_bytes(b"no database " * 999)
        case "a file":
            rag = Rag(tmp_path / "file")
            rag.folder.touch()
    done = rag.run("tenant", "list", "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    kinds = {"a file": "InvalidSetting", "spoilt database": "DatabaseUnavailable"}
    assert json.loads(done.stdout)["error"]["type"] == kinds.get(spoil, "FolderDamaged")


@pytest.mark.parametrize("command", ["tenant list", "ask hotel --tenant acme --user ann", "serve --port 0"])
def test_a_folder_that_cannot_be_written_to_gets_a_sentence(command: str, rag: Rag) -> None:
    mounted = f'mount --bind "{rag.folder}" "{rag.folder}" && mount -o remount,ro,bind "{rag.folder}"'
    command = f'{mounted} && RAG_DATA_DIR="{rag.folder}" "{RAG}" {command}'
    apart = ["unshare", "--mount", "sh", "-c", command]
    done = subprocess.run(apart, capture_output=True, text=True, check=False)  # wherever the system keeps it
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("nothing can be mounted here")
    assert done.returncode == 1
    assert "read-only" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_server_logs_to_stderr_alone(rag: Rag) -> None:
    """A defect's log line belongs beside the others: stdout carries what a command was asked for."""
    script = (
        "import structlog, rag_service.commands.serve as serve\n"
        "def listen(host, port): structlog.get_logger().error('spoke'); raise SystemExit\n"
        "serve._listen = listen; serve.serve(data_dir=None)"
    )
    done = subprocess.run([RAG.with_name("python"), "-c", script], capture_output=True, text=True, check=False)
    assert "spoke" in done.stderr
    assert done.stdout == ""
