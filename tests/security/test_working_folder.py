"""A module that lies where the service was started is not run by the process that holds the keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rag_service.domain.errors import FolderHeld
from rag_service.folder import QUEUE_LOCK, hold, open_folder
from rag_service.settings import Settings
from rag_service.supervise import worker_process

Run = Callable[[Any], Any]


def test_the_worker_takes_no_module_from_the_working_folder(
    run: Run, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "structlog.py").write_text("open('was-run', 'w').close()\n", encoding="utf-8")
    monkeypatch.chdir(shared)

    async def scenario() -> None:
        folder = await open_folder(settings)
        async with worker_process(settings), asyncio.timeout(60):
            while not (shared / "was-run").exists():
                try:
                    with hold(folder, QUEUE_LOCK):
                        pass
                except FolderHeld as held:
                    if "rag serve" in held.holder:
                        break
                await asyncio.sleep(0.05)

    run(scenario())
    assert not (shared / "was-run").exists()
