"""Runs LlamaIndex and Haystack on files, in processes of an interpreter that has them, and tells what they did."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SCRIPTS = ("llamaindex_ingest.py", "haystack_ingest.py")
_THREADS = 2
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "ANONYMIZED_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "OMP_NUM_THREADS": str(_THREADS),
}


def beside(python: Path, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """What each framework did with the files. Raises RuntimeError where one fails.

    ``s`` is from the start of its process to the end of its work, as that of `rag ingest` is; ``read`` names the files
    that gave text. ``unread_share`` is the share of the text's tokens that its chunks hold beyond the model's input.
    None of them scrubs, screens or seals, keeps access lists, or keeps what it made once its process has ended.
    """
    return [run(python, Path(__file__).parent / script, paths) for script in SCRIPTS]


def run(python: Path, script: Path, paths: Sequence[Path]) -> dict[str, Any]:
    """The script's own figures with ``files``, ``skipped`` and throughput added."""
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603  # the interpreter that was named, and our own script
        [str(python), "-P", str(script)],
        input=json.dumps(list(map(str, paths))),
        env={**os.environ, **_QUIET},
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - began
    if done.returncode:
        last_line = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{script.name} ended with status {done.returncode}: {last_line}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    counted = float(told.pop("counting_s"))
    seconds = took - counted
    return {
        **told,
        "files": len(told["read"]),
        "skipped": len(paths) - len(told["read"]),
        "s": round(seconds, 2),
        "files_per_s": round(len(told["read"]) / seconds, 2),
        "tokens_per_s": round(told["tokens"] / seconds),
    }
