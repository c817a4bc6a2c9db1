"""Ends with status 0 while this container's service is well, else 1: `python healthy.py api` or `worker`."""

from __future__ import annotations

import fcntl
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

API = "http://127.0.0.1:8000/readyz"


def api_answers(address: str = API) -> bool:
    """Whether the service says that its database and its index answer. No proxy of the environment is asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=4) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def worker_works(folder: Path) -> bool:
    """Whether a process holds the queue's lock: the worker has its database, and is the one that works.

    A second worker, which waits for the first to end, is not well by this.
    """
    try:
        with (folder / "worker.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


if __name__ == "__main__":
    is_well = api_answers() if sys.argv[1:] == ["api"] else worker_works(Path(os.environ.get("RAG_DATA_DIR", "/data")))
    sys.exit(0 if is_well else 1)
