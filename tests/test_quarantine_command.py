"""``rag quarantine`` as operators meet it: real processes over a folder in which something is held."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.rag import Rag
from tests.store.test_quarantine import CLEAN, HELD

Open = Callable[..., Any]


def test_an_operator_lists_looks_at_releases_and_rejects(open_companies: Open, tmp_path: Path) -> None:
    async def prepare() -> None:
        async with open_companies("acme") as (acme,):
            await acme.ingest(tmp_path, ferry_md=HELD.replace("nine", "n\x1b[2Jine"), bridge_md=HELD, pier_md=CLEAN)

    asyncio.run(prepare())
    rag = Rag(tmp_path / "data")
    held = rag.json("quarantine", "list", "--tenant", "acme")["quarantined"]
    assert {one["source"]: one["reasons"] for one in held} == {
        "ferry.md": ["injected_instruction"],
        "bridge.md": ["injected_instruction"],
    }
    ids = {one["source"]: one["id"] for one in held}
    shown = rag.json("quarantine", "show", ids["ferry.md"], "--tenant", "acme")
    assert any("injected_instruction" in piece["kinds"] for piece in shown["segments"])
    done = rag.json("quarantine", "release", ids["ferry.md"], "--tenant", "acme", "--reason", "harmless")
    assert done["decision"] == "released"
    assert rag.json("quarantine", "reject", ids["bridge.md"], "--tenant", "acme")["decision"] == "rejected"
    assert rag.json("quarantine", "list", "--tenant", "acme")["quarantined"] == []
    sources = {one["source"] for one in rag.json("documents", "list", "--tenant", "acme")["documents"]}
    assert sources == {"ferry.md", "pier.md"}
    history = rag.json("quarantine", "history", "--tenant", "acme")["reviews"]
    assert [one["decision"] for one in history] == ["rejected", "released", "previewed", "held", "held"]
    gone = rag.run("quarantine", "release", ids["bridge.md"], "--tenant", "acme")
    assert gone.returncode == 1
    assert "no such document in quarantine" in gone.stderr
