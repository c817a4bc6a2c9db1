"""``rag key``: what a key is made for is told once, listed without secrets, and kept by its successor."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from rag_service.commands.options import json_text
from tests.rag import Rag


def test_a_key_bound_to_networks_and_signing_is_created_listed_rotated_and_revoked(tmp_path: Path) -> None:
    rag = Rag(tmp_path / "data")
    rag.json("tenant", "create", "acme")
    made = rag.json(
        "key", "create", "--tenant", "acme", "--user", "bot", "--scope", "query", "--scope", "ingest",
        "--network", "192.0.2.0/24", "--network", "::1", "--signed", "--expires", "30d",
    )  # fmt: skip
    assert made.keys() == {"key_id", "key", "expires_at"}
    assert len(made["key"]) == 43
    rotated = rag.json("key", "rotate", made["key_id"], "--overlap", "60d")
    assert (rotated["replaces"], rotated["old_expires_at"]) == (made["key_id"], made["expires_at"])
    assert "rotate its successor" in rag.run("key", "rotate", made["key_id"]).stderr
    assert rag.run("key", "list").stdout.count(" until ") == 2
    rag.json("key", "revoke", made["key_id"])
    listed = rag.run("key", "list", "--tenant", "acme", "--json").stdout
    assert made["key"] not in listed
    assert rotated["key"] not in listed
    old, new = json.loads(listed)["keys"]
    assert (old["state"], new["state"]) == ("revoked", "live")
    assert new["expires_at"] == rotated["expires_at"]
    for moment in (made["expires_at"], rotated["old_expires_at"], new["created_at"], old["revoked_at"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", moment), moment
    for key in (old, new):
        assert (key["scopes"], key["networks"]) == (["ingest", "query"], ["192.0.2.0/24", "::1/128"])
        assert (key["is_signed"], key["is_altered"], key["last_used_at"]) == (True, False, None)


def test_a_group_is_no_member_by_the_name_of_a_user_and_is_listed_apart_from_users(tmp_path: Path) -> None:
    rag = Rag(tmp_path / "data")
    rag.json("tenant", "create", "acme")
    refused = rag.run("group", "set", "staff", "--tenant", "acme", "--member", "group:board")
    assert (refused.returncode, "--group" in refused.stderr) == (2, True)
    made = rag.json("group", "set", "staff", "--tenant", "acme", "--member", "ann", "--group", "board")
    assert made == {"group": "staff", "members": ["ann"], "groups": ["board"]}
    for told in (("group", "list", "--tenant", "acme"), ("tenant", "show", "acme")):
        assert rag.json(*told)["groups"] == [made]
        assert "ann, all of board" in rag.run(*told).stdout


def test_a_time_in_json_is_iso_8601_in_utc() -> None:
    eastern = datetime(2026, 11, 22, 10, 47, 14, tzinfo=timezone(timedelta(hours=1)))
    as_stored = eastern.astimezone(UTC).replace(tzinfo=None)
    assert json.loads(json_text([as_stored, eastern])) == ["2026-11-22T09:47:14Z"] * 2


def test_a_network_that_could_mean_two_things_is_wrong_usage(tmp_path: Path) -> None:
    done = Rag(tmp_path / "data").run("key", "create", "--tenant", "t", "--user", "u", "--network", "192.0.2.1/24")
    assert done.returncode == 2
    assert "host bits" in done.stderr


def test_a_provider_that_is_set_up_by_half_ends_the_service_with_a_sentence(tmp_path: Path) -> None:
    done = Rag(tmp_path / "data").run("serve", "--port", "0", RAG_OIDC_ISSUER="https://login.example.com")
    assert done.returncode == 1
    assert "RAG_OIDC_AUDIENCE" in done.stderr
    assert "Traceback" not in done.stderr
