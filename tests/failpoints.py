"""A process in which ``rag`` runs again and again, each time in a child that can be killed at a chosen point.

It stands outside the product: it wraps every stage, every write transaction and every write to the index, and passes a
point before and after each. The points have names by what is wrapped and who calls it, so that a new transaction is
among them by itself. Children are forked with the models loaded; otherwise a run would take ten times as long.

Run as a module it reads orders as lines of JSON from stdin, and answers each with the child's exit status.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

INDEX_WRITES = ("upsert", "delete", "replace", "drop")


@dataclass
class Order:
    """One run of ``rag``. ``kill`` is a point's name and how often it is passed before; ``log`` hears of each."""

    arguments: list[str]
    environment: dict[str, str]
    log: str
    output: str
    kill: tuple[str, int] | None = None
    failures: dict[str, int] = field(default_factory=dict)


class Points:
    """The points that this process passed."""

    def __init__(self) -> None:
        self.order: Order | None = None
        self._passed: Counter[str] = Counter()

    def passed(self, name: str, fact: str = "") -> None:
        """Is told in the log; or the process is killed, as by the kernel."""
        if self.order is None:
            return
        with Path(self.order.log).open("a", encoding="utf-8") as log:
            log.write(f"{name}\t{fact}\n")
        if self.order.kill == (name, self._passed[name]):
            os.kill(os.getpid(), signal.SIGKILL)
        self._passed[name] += 1

    def fails(self, name: str) -> bool:
        """Whether this call is to fail."""
        left = self.order.failures.get(name, 0) if self.order else 0
        if self.order and left:
            self.order.failures[name] = left - 1
        return bool(left)


def around(points: Points, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with a point before it and one after it."""
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def awaited(*arguments: Any, **options: Any) -> Any:
            points.passed(f"{name} begins")
            if points.fails(name):
                from rag_service.domain.errors import StageFailed

                raise StageFailed(name, "told to")
            result = await function(*arguments, **options)
            points.passed(f"{name} ended")
            return result

        return awaited

    @wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        points.passed(f"{name} begins")
        result = function(*arguments, **options)
        points.passed(f"{name} ended")
        return result

    return called


def wrap_transactions(points: Points) -> None:
    """Each write transaction passes three points: when it has begun, before it is committed, and after."""
    from rag_service.store.database import Database

    write = Database.write

    @asynccontextmanager
    async def between(database: Database, tenant: Any, name: str) -> AsyncIterator[Any]:
        async with write(database, tenant) as connection:
            points.passed(f"{name} has begun")
            yield connection
            points.passed(f"{name} is to be committed")
        points.passed(f"{name} is committed")

    def named(database: Database, tenant: Any) -> Any:
        caller = sys._getframe(1).f_code
        return between(database, tenant, f"{Path(caller.co_filename).stem}.{caller.co_qualname}")

    wrapped: Any = Database
    wrapped.write = named


def wrap_stages(points: Points) -> None:
    import ingestion.batch
    import ingestion.pipeline
    from ingestion.stages import Stages
    from ingestion.watched_stages import WatchedStages

    for name, function in inspect.getmembers(Stages, inspect.iscoroutinefunction):
        assert function is not None
        setattr(WatchedStages, name, around(points, f"stage {name}", getattr(WatchedStages, name)))
    for name, module, function in (("seal", ingestion.pipeline, "seal"), ("accept", ingestion.batch, "seal_upload")):
        setattr(module, function, around(points, f"stage {name}", getattr(module, function)))


def wrap_index(points: Points) -> None:
    from rag_service.adapters.qdrant_edge import QdrantEdgeIndex

    for name in INDEX_WRITES:
        setattr(QdrantEdgeIndex, name, around(points, f"index {name}", getattr(QdrantEdgeIndex, name)))


def tell_accepted(points: Points) -> None:
    """What was accepted, as its uploader is told, is in the log."""
    from rag_service.store.uploads import Uploads

    accept = Uploads.accept

    @wraps(accept)
    async def told(*arguments: Any, **options: Any) -> Any:
        accepted = await accept(*arguments, **options)
        points.passed("accepted", accepted.job_id)
        return accepted

    Uploads.accept = told  # type: ignore[method-assign]


def stages_in_this_process() -> None:
    """The stages run in the child itself, their models loaded before it was forked."""
    import ingestion.command
    import ingestion.worker
    import rag_service.models
    from ingestion.stages import LocalStages
    from rag_service.settings import load_settings

    models = rag_service.models.Models(load_settings())
    stages = LocalStages(models.embedder, models.detector)
    asyncio.run(warm(stages))

    class Here:
        def __init__(self, _settings: object) -> None:
            pass

        def __enter__(self) -> LocalStages:
            return stages

        def __exit__(self, *_: object) -> None:
            pass

        def profile(self) -> Mapping[str, Any]:
            return {}

        peak_rss_mib = profile
        recognizers = ""

    replaced: dict[tuple[Any, str], Any] = {
        (ingestion.command, "ProcessStages"): Here,
        (rag_service.models, "load_embedder"): lambda _settings: models.embedder,
        (rag_service.models, "PiiDetector"): lambda: models.detector,
    }
    for (module, name), here in replaced.items():
        assert hasattr(module, name)
        setattr(module, name, here)
    ingestion.worker._BEAT_EVERY_S = 0.02  # that a run of a second has heartbeats in it


async def warm(stages: Any) -> None:
    """What stages and commands import when they first run is there for every child."""

    import rag_service.commands.doctor
    import rag_service.owner.reach  # noqa: F401
    from ingestion.removal import KeyedPolicy
    from rag_service.cli import build_app
    from rag_service.domain.document import Upload

    build_app()
    for name, text in (("a.md", "# Title\n\nOne sentence.\n"), ("b.txt", "Another sentence.\n")):
        parsed = await stages.parse(Upload(name, text.encode(), name), 1000)
        cleaned = await stages.scrub(parsed, name, KeyedPolicy(pseudonym_key=bytes(32)))
        chunks = await stages.chunk(cleaned.document)
        await stages.embed([one.text for one in chunks])


def run_in_child(points: Points, order: Order) -> int:
    """The exit status of ``rag`` in a child; minus the signal's number where one ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 70
    try:
        points.order = order
        os.environ.update(order.environment)
        handle = os.open(order.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        status = rag(order.arguments)
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001  # the child ends here, and its parent tells why
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def rag(arguments: list[str]) -> int:
    from rag_service.cli import main

    sys.argv = ["rag", *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def main() -> None:
    points = Points()
    for wrap in (wrap_transactions, wrap_stages, wrap_index, tell_accepted):
        wrap(points)
    stages_in_this_process()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        given = json.loads(line)
        kill = given.pop("kill", None)
        status = run_in_child(points, Order(**given, kill=tuple(kill) if kill else None))
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
