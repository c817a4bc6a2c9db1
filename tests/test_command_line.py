"""The command line as its users meet it: real processes, real files, one data folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.rag import RAG, Rag

POLICY = "# Travel policy\n\nA hotel may cost 140 euros a night. Questions go to desk@acme.example.\n"


@pytest.fixture(scope="module")
def rag(tmp_path_factory: pytest.TempPathFactory) -> Rag:
    """A folder with one tenant, one open and one restricted document."""
    folder = tmp_path_factory.mktemp("command-line")
    documents = folder / "documents"
    (documents / "deep").mkdir(parents=True)
    (documents / "travel.md").write_text(POLICY, encoding="utf-8")
    (documents / "deep" / "empty.txt").write_text("", encoding="utf-8")
    (folder / "memo.txt").write_text("The board approved the site at Skarvoy.\n", encoding="utf-8")
    return Rag(folder / "data")


@pytest.fixture(autouse=True)
def one_key(monkeypatch: pytest.MonkeyPatch, rag: Rag) -> None:
    monkeypatch.setenv("RAG_MASTER_KEY_FILE", str(rag.folder.parent / "master.key"))


def test_the_whole_way_from_nothing_to_an_answer(rag: Rag) -> None:
    documents = rag.folder.parent / "documents"
    cold = replace(rag, is_cold=True)  # that each finds by itself what it imports
    assert cold.json("tenant", "create", "acme")["tenant"] == "acme"
    cold.json("group", "set", "board", "--tenant", "acme", "--member", "agnes")

    first = cold.json("ingest", documents, "--tenant", "acme", "--allow", "everyone", status=1)
    assert {key: len(value) for key, value in first.items()} == {
        "documents": 1, "unchanged": 0, "refused": 1, "quarantined": 0
    }  # fmt: skip
    assert first["refused"][0]["path"] == str(documents / "deep" / "empty.txt")
    assert first["refused"][0]["reason"] == "empty_file"
    assert first["documents"][0]["removed"] == {"EMAIL_ADDRESS": 1}
    again = rag.json("ingest", documents / "travel.md", "--tenant", "acme", "--allow", "everyone")
    assert [one["document_id"] for one in again["unchanged"]] == [first["documents"][0]["document_id"]]
    memo = rag.json("ingest", rag.folder.parent / "memo.txt", "--tenant", "acme", "--allow", "group:board")

    answer = cold.json("ask", "What may a hotel cost?", "--tenant", "acme", "--user", "tomas")
    assert "140 euros" in answer["answer"]
    assert answer["citations"][0]["document_id"] == first["documents"][0]["document_id"]
    board = ("ask", "Which site did the board approve?", "--tenant", "acme")
    assert rag.json(*board, "--user", "agnes")["found"] is True
    assert rag.json(*board, "--user", "tomas")["found"] is False
    assert rag.json(*board, "--user", "tomas", "--group", "board")["found"] is True

    memo_id = memo["documents"][0]["document_id"]
    assert len(cold.json("documents", "list", "--tenant", "acme")["documents"]) == 2
    rag.json("documents", "access", memo_id, "--tenant", "acme", "--allow", "user:tomas")
    assert rag.json("documents", "show", memo_id, "--tenant", "acme")["access"] == ["user:tomas"]
    assert rag.json(*board, "--user", "tomas")["found"] is True
    assert rag.json(*board, "--user", "agnes")["found"] is False
    rag.json("documents", "delete", memo_id, "--tenant", "acme")
    assert rag.json(*board, "--user", "tomas")["found"] is False
    assert cold.json("jobs", "list", "--tenant", "acme")["states"] == {"done": 2, "refused": 1}
    assert cold.json("doctor")["ok"] is True


def test_serving_answers_over_http_and_to_commands(rag: Rag) -> None:
    rag.run("tenant", "create", "bolt")
    rag.json("ingest", rag.folder.parent / "documents" / "travel.md", "--tenant", "bolt", "--allow", "everyone")
    with rag.serving() as url:
        key = rag.json("key", "create", "--tenant", "bolt", "--user", "ann")["key"]  # beside the running service
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=url, headers=headers, timeout=60) as web:
            assert web.get("/healthz").status_code == 200
            assert web.get("/readyz").status_code == 200
            answer = web.post("/v1/tenants/bolt/query", json={"question": "What may a hotel cost?"}).json()
            assert "140 euros" in answer["answer"]
            citation = answer["citations"][0]
            text = web.get(f"/v1/tenants/bolt/documents/{citation['document_id']}/text").json()["text"]
            assert text[citation["start"] : citation["end"]] == citation["quote"]
            assert "desk@acme.example" not in text
            page = web.get("/docs").text
            assert "http://" not in page, "the page must not send a browser elsewhere"
            assert "https://" not in page
            asked = rag.json("ask", "What may a hotel cost?", "--tenant", "bolt", "--user", "ann")
            assert "140 euros" in asked["answer"], "commands reach the running service"
            rag.json("key", "revoke", key.split("_")[1])
            assert web.post("/v1/tenants/bolt/query", json={"question": "What?"}).status_code == 401


def test_a_key_rotates_with_overlap(rag: Rag) -> None:
    rag.run("tenant", "create", "cove")
    old = rag.json("key", "create", "--tenant", "cove", "--user", "ann", "--expires", "90d", "--scope", "ingest")
    new = rag.json("key", "rotate", old["key_id"], "--overlap", "1h")
    keys = {one["key_id"]: one for one in rag.json("key", "list", "--tenant", "cove")["keys"]}
    assert set(keys) == {old["key_id"], new["key_id"]}
    assert keys[new["key_id"]]["scopes"] == ["ingest"]
    assert keys[old["key_id"]]["revoked_at"] == new["old_expires_at"] < keys[new["key_id"]]["expires_at"]


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("ask", "x", "--tenant", "nobody", "--user", "u"), 1, "no such tenant"),
        (("tenant", "create", "../etc"), 1, "a tenant name is"),
        (("tenant", "create", "x", "--pii", "none"), 2, "identifiers"),
        (("ingest", "/no/such/path", "--tenant", "acme", "--allow", "everyone"), 1, "no file or folder"),
        (("ingest", "x" * 5000, "--tenant", "acme", "--allow", "everyone"), 1, "no file or folder"),
        (("ingest", ".", "--tenant", "acme"), 2, "--owner"),
        (("ingest", ".", "--tenant", "acme", "--allow", "all"), 2, "group:NAME"),
        (("key", "create", "--tenant", "acme", "--user", "u", "--expires", "soon"), 2, "90d"),
        (("key", "revoke", "feedbeef"), 1, "no such key"),
        (("documents", "delete", "feedbeef", "--tenant", "acme"), 1, "no such document"),
        (("ask", "x"), 2, "--tenant"),
        (("no-such-command",), 2, "No such command"),
    ],
)
def test_a_users_mistake_gets_a_sentence_and_no_traceback(
    arguments: tuple[str, ...], status: int, says: str, rag: Rag
) -> None:
    rag.run("tenant", "create", "acme")
    done = rag.run(*arguments, COLUMNS="200")
    assert done.returncode == status, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistake_is_json_too_when_asked(rag: Rag) -> None:
    error = rag.json("ask", "x", "--tenant", "nobody", "--user", "u", status=1)["error"]
    assert error == {"type": "NotFound", "detail": "no such tenant"}


def test_a_wrong_setting_is_named(rag: Rag) -> None:
    done = rag.run("tenant", "list", RAG_THREADS="many")
    assert done.returncode == 1
    assert "RAG_THREADS" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_copied_folder_without_its_key_is_refused(rag: Rag, tmp_path: Path) -> None:
    rag.run("tenant", "create", "acme")
    done = rag.run("tenant", "list", RAG_MASTER_KEY_FILE=str(tmp_path / "absent.key"))
    assert done.returncode == 1
    assert str(tmp_path / "absent.key") in done.stderr
    assert not (tmp_path / "absent.key").exists()


def test_help_loads_nothing_heavy() -> None:
    """What takes seconds to import is imported by the command that needs it."""
    script = "import sys; from rag_service.cli import build_app; build_app(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"torch", "numpy", "sqlalchemy", "fastapi", "onnxruntime", "presidio_analyzer", "pydantic", "unstructured"}
    assert heavy.isdisjoint(loaded)


@pytest.mark.parametrize(
    "command",
    [
        (), ("ask",), ("serve",), ("doctor",), ("reindex",), ("ingest",), ("demo",), ("tenant", "create"),
        ("group", "set"), ("key", "create"), ("documents", "access"), ("eval", "retrieval"),
    ],
)  # fmt: skip
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    done = subprocess.run([str(RAG), *command, "--help"], capture_output=True, text=True, check=True)
    assert "Usage: rag" in done.stdout


def test_the_demo_ends_as_its_script_says(rag: Rag) -> None:
    outcome = rag.json("demo")
    assert [one["differs"] for one in outcome["questions"] if one["differs"]] == []
    assert outcome["ingestion"]["refused"] == []
    held = {Path(one["path"]).name for one in outcome["ingestion"]["quarantined"]}
    assert held == {"corvane-newsletter.html", "vaccination-leaflet.html"}
    removed = [one["removed"] for one in outcome["ingestion"]["documents"]]
    assert {"EMAIL_ADDRESS", "PHONE_NUMBER", "CREDENTIAL", "CREDIT_CARD"} <= {kind for one in removed for kind in one}


def test_the_guard_against_the_network_guards_child_processes(tmp_path: Path) -> None:
    """Without this, "nothing tried to leave" would mean little."""
    log = tmp_path / "attempts"
    for attempt in ("socket.getaddrinfo('example.org', 80)", "socket.socket().connect(('192.0.2.1', 80))"):
        done = subprocess.run(
            [sys.executable, "-c", f"import socket; {attempt}"],
            capture_output=True, text=True, check=False, env={**os.environ, "RAG_TEST_NETWORK_LOG": str(log)},
        )  # fmt: skip
        assert "refused to leave this machine" in done.stderr
    assert len(log.read_text(encoding="utf-8").splitlines()) == 2
    assert json.dumps(log.read_text(encoding="utf-8")).count("example.org") == 1
