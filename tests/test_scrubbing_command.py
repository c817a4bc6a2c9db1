"""``rag tenant pii`` and ``rag documents text``: what an operator sets, sees and reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rag import Rag


@pytest.fixture
def rag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rag:
    monkeypatch.setenv("RAG_MASTER_KEY_FILE", str(tmp_path / "master.key"))
    return Rag(tmp_path / "data")


def test_an_operator_shows_changes_and_resets_what_is_scrubbed(rag: Rag) -> None:
    rag.run("tenant", "create", "acme", "--pii", "persons")
    shown = rag.json("tenant", "pii", "acme")
    assert (shown["policy"]["preset"], shown["actions"]["person"]) == ("persons", "pseudonym")
    changed = rag.json(
        "tenant", "pii", "acme", "--set", "all=encrypt", "--set", "person=keep", "--keep", "*@acme.example"
    )
    actions = changed["actions"]
    assert [actions[kind] for kind in ("email_address", "person", "credential", "location")] == [
        "encrypt",
        "keep",
        "redact",
        "keep",
    ]
    assert changed["policy"]["keep"] == ["*@acme.example"]
    again = rag.json("tenant", "pii", "acme", "--remove-keep", "*@acme.example", "--set", "person=default")
    assert (again["policy"]["keep"], again["actions"]["person"]) == ([], "pseudonym")
    for wrong in ("credential=keep", "person=mask", "unicorn=redact", "person"):
        assert rag.json("tenant", "pii", "acme", "--set", wrong, status=2)["error"]["type"] == "WrongUsage"
    assert rag.json("tenant", "policy", "acme", "--links", "none")["policy"]["links"] == "none"
    assert rag.json("tenant", "pii", "acme")["actions"] == again["actions"], "one policy leaves the other alone"
    assert rag.json("tenant", "pii", "acme", "--reset")["policy"]["preset"] == "identifiers"
    assert rag.json("tenant", "policy", "acme")["policy"]["links"] == "none"
