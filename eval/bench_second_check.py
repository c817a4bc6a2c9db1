"""``python -m eval.bench_second_check``: what it costs that SQL asks for the access list again after the index did.

Every search is made twice, in random order: as it is, and with the access list left out of the SQL statement and of the
check of its sealed entry. Both in one process and one run, so that whatever else the machine does falls on both alike.
The product has no such switch: the two functions are exchanged from here.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import sys
import tempfile
import time
from argparse import ArgumentParser
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

from eval.access.faults import without_second_check
from eval.bar import Bar
from eval.measures.interval import bootstrap_median_difference, percentile
from eval.synthetic_text import documents, question
from ingestion.batch import Intake, Outcome, Watcher, ingest_each
from ingestion.crew import ingesting
from ingestion.stages import LocalStages
from rag_service.authentication import Caller, act_as, operate
from rag_service.domain.document import Upload
from rag_service.domain.identity import Principal
from rag_service.query.ask import search
from rag_service.query.retrieve import Filters
from rag_service.settings import load_settings
from rag_service.wiring import Service, open_service

_TENANT, _USER, _GROUPS = "bench", "evaluator", 8
_SEED, _WARM_UP, _LIMIT = 7, 20, 10


async def measure(documents_wanted: int, questions: int, database_url: str | None = None) -> dict[str, Any]:
    """The report. ``ratio`` is the median with the second check over that without."""
    with tempfile.TemporaryDirectory(prefix="rag-eval-") as folder:
        settings = load_settings(
            data_dir=Path(folder, "data"), master_key=secrets.token_hex(32), database_url=database_url
        )
        async with open_service(settings) as service:
            await _build(service, documents_wanted)
            with_check, without = await _ask_both_ways(service, questions)
    one, other, difference, (low, high) = bootstrap_median_difference(without, with_check)
    return {
        "documents": documents_wanted,
        "questions": questions,
        "search_p50_ms": round(other, 3),
        "without_second_check_p50_ms": round(one, 3),
        "search_p95_ms": round(percentile(with_check, 0.95), 3),
        "without_second_check_p95_ms": round(percentile(without, 0.95), 3),
        "difference_ms": round(difference, 3),
        "difference_ci95_ms": [low, high],
        "ratio": round(other / one, 3),
    }


async def _build(service: Service, count: int) -> None:
    """Documents under lists of one to three groups, of which the asker is in half."""
    tenant = await service.store.tenants.create(_TENANT, "identifiers")
    rng = random.Random(_SEED)  # noqa: S311  # a measurement's choice, repeatable on purpose
    for number in range(0, _GROUPS, 2):
        await service.store.groups.add(operate(tenant), tenant.keys, f"group{number}", _USER)
    made = documents(_SEED)
    uploads = [
        Upload(name=f"{number}.txt", content=text.encode(), source=str(number), title=title)
        for number, (title, text) in zip(range(count), made, strict=False)
    ]
    with Bar() as bar:
        bar.begin("building", count)

        def told(_upload: Upload, _outcome: Outcome) -> bool:
            bar.advance()
            return True

        async with ingesting(service, nullcontext(LocalStages(service.embedder, service.detector))):
            for first in range(0, count, count // _GROUPS or 1):
                listed = [Principal.group(f"group{one}") for one in rng.sample(range(_GROUPS), rng.randint(1, 3))]
                intake = Intake(await service.store.tenants.by_name(_TENANT), _USER, None, listed)
                some = uploads[first : first + (count // _GROUPS or 1)]
                await ingest_each(some, lambda upload: upload, intake, service.store, Watcher(told))


async def _ask_both_ways(service: Service, count: int) -> tuple[list[float], list[float]]:
    tenant = await service.store.tenants.by_name(_TENANT)
    caller = await act_as(tenant, _USER, (), groups_of=service.store.groups)
    rng = random.Random(_SEED)  # noqa: S311  # as above
    texts = [text for _, text in zip(range(200), (text for _, text in documents(_SEED)), strict=False)]
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(count + _WARM_UP):
        asked = question(rng.choice(texts), rng)
        for checked in rng.sample((True, False), 2):
            took = await _timed(service, caller, asked, checked=checked)
            if number >= _WARM_UP:
                times[checked].append(took)
    return times[True], times[False]


async def _timed(service: Service, caller: Caller, asked: str, *, checked: bool) -> float:
    with ExitStack() as stack:
        if not checked:
            stack.enter_context(without_second_check())
        began = time.perf_counter()
        await search(asked, Filters(), caller, service.query_parts, limit=_LIMIT)
        return 1000 * (time.perf_counter() - began)


def main() -> None:
    parser = ArgumentParser(prog="python -m eval.bench_second_check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=1000, help="how many are ingested")
    parser.add_argument("--questions", type=int, default=300, help="how many are asked, each both ways")
    parser.add_argument("--database-url", help="a PostgreSQL database that was made ready and holds nothing yet")
    arguments = parser.parse_args()
    report = asyncio.run(measure(arguments.documents, arguments.questions, arguments.database_url))
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
