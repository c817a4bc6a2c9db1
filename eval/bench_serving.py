"""``python -m eval.bench_serving``: what serving a tenant of many chunks costs, beside the bare cost of its parts.

One client asks one question at a time. Bare cost: embedding the question, and one hybrid index query under the same
access list on a copy of the folder, in this process. Each question is asked both ways in turn, so that whatever else
the machine does falls on both alike.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.bar import Bar
from eval.datasets.beir import documents_in
from eval.measures.interval import percentile
from eval.mixed_embedder import MixedEmbedder
from eval.served import Installation, resident_mib, serve, temporary_installation
from eval.synthetic_text import documents, question
from ingestion.batch import Ingested, Intake, Outcome, Watcher, ingest_each
from ingestion.crew import ingesting
from ingestion.stages import LocalStages
from rag_service.authentication import act_as
from rag_service.domain.document import Upload
from rag_service.domain.identity import EVERYONE
from rag_service.lexical import query_weights
from rag_service.settings import Settings, load_settings
from rag_service.wiring import Service, open_service

if TYPE_CHECKING:
    from rag_service.authentication import Caller

TENANT, USER = "bench", "evaluator"
_SEED = 7
_WARM_UP, _DEPTH, _LIMIT = 30, 100, 10


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds a question: over HTTP, and the two bare parts."""

    http: list[float]
    embed: list[float]
    index: list[float]


def settings_of(installation: Installation) -> Settings:
    """Settings with which this process opens the installation."""
    return load_settings(data_dir=installation.data_dir, master_key=installation.environment["RAG_MASTER_KEY"])


async def build(
    installation: Installation, texts: Iterator[tuple[str, str]], chunks: int, embed_every: int
) -> tuple[int, list[str]]:
    """The tenant has at least ``chunks`` chunks (or all that the texts give), readable by everyone in it.

    Returns their number and the texts that made them.
    """
    async with open_service(settings_of(installation)) as service:
        await service.store.tenants.create(TENANT, "identifiers")
        tenant = await service.store.tenants.by_name(TENANT)
        made, used = 0, []
        with Bar() as bar:
            bar.begin("building", chunks)

            def report(upload: Upload, outcome: Outcome) -> bool:
                nonlocal made
                if isinstance(outcome, Ingested):
                    made += outcome.chunks
                    used.append(upload.content.decode())
                    for _ in range(outcome.chunks):
                        bar.advance()
                return made < chunks

            embedder = MixedEmbedder(service.embedder, embed_every) if embed_every > 1 else service.embedder
            async with ingesting(service, nullcontext(LocalStages(embedder, service.detector))):
                intake = Intake(tenant, USER, USER, [EVERYONE])
                await ingest_each(_uploads(texts), lambda upload: upload, intake, service.store, Watcher(report))
    return made, used


def _uploads(texts: Iterator[tuple[str, str]]) -> Iterator[Upload]:
    for number, (title, text) in enumerate(texts):
        yield Upload(name=f"{number}.txt", content=text.encode(), source=str(number), title=title or None)


async def ask_both_ways(connection: HTTPConnection, key: str, service: Service, questions: Sequence[str]) -> Timed:
    """Every question over HTTP and bare, in turn, after a warm-up of both."""
    tenant = await service.store.tenants.by_name(TENANT)
    caller = await act_as(tenant, USER, (), groups_of=service.store.groups)
    timed = Timed([], [], [])
    for number, text in enumerate(questions):
        began = time.perf_counter()
        _search(connection, key, text)
        http = time.perf_counter() - began
        embed, index = await _bare(service, caller, text)
        if number >= _WARM_UP:
            for figures, seconds in ((timed.http, http), (timed.embed, embed), (timed.index, index)):
                figures.append(1000 * seconds)
    return timed


def _search(connection: HTTPConnection, key: str, text: str) -> None:
    """One search over a connection that stays open; the whole response is read."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body = json.dumps({"question": text, "limit": _LIMIT})
    connection.request("POST", f"/v1/tenants/{TENANT}/search", body, headers)
    response = connection.getresponse()
    if response.status != 200 or not json.loads(response.read())["results"]:
        raise RuntimeError(f"a search ended with status {response.status}, or found nothing")


async def _bare(service: Service, caller: Caller, text: str) -> tuple[float, float]:
    began = time.perf_counter()
    vector = service.embedder.embed([text])[0]
    embedded = time.perf_counter()
    query = caller.tenant.keys.index.seal_query(caller.scope, vector=vector, terms=query_weights(text))
    sealed = time.perf_counter()
    await service.index.search(query, limit=_DEPTH)
    return embedded - began, time.perf_counter() - sealed


def bench(chunks: int, data: Path | None, embed_every: int, asked: int) -> dict[str, Any]:
    """The figures, as the JSON line has them."""
    texts = ((one.title, one.text) for one in documents_in(data)) if data else documents(_SEED)
    chance = random.Random(_SEED)  # noqa: S311  # repeatable on purpose
    with temporary_installation() as installation, tempfile.TemporaryDirectory(prefix="rag-eval-") as copy:
        made, used = asyncio.run(build(installation, iter(texts), chunks, embed_every))
        key = str(installation.rag("key", "create", "--tenant", TENANT, "--user", USER)["key"])
        copied = Installation(Path(copy, "data"), installation.environment)
        shutil.copytree(installation.data_dir, copied.data_dir)
        questions = [question(chance.choice(used), chance) for _ in range(_WARM_UP + asked)]
        with serve(installation) as served:
            timed = asyncio.run(_timed(HTTPConnection(served.host, served.port, timeout=60), key, copied, questions))
            resident = resident_mib(served.pid)
            ready = served.ready_s
    http, embed, index = (percentile(figures, 0.5) for figures in (timed.http, timed.embed, timed.index))
    bare = [sum(pair) for pair in zip(timed.embed, timed.index, strict=True)]
    tail = percentile(timed.http, 0.95)
    return {
        "chunks": made,
        "ready_s": round(ready, 2),
        "rss_mib": round(resident, 1),
        "search_ms": {
            "p50": round(http, 2),
            "p95": round(tail, 2),
            "searches": len(timed.http),
        },
        "bare_ms": {"embed_p50": round(embed, 2), "index_p50": round(index, 2)},
        "ratio": round(http / percentile(bare, 0.5), 2),
    }


async def _timed(connection: HTTPConnection, key: str, copied: Installation, questions: Sequence[str]) -> Timed:
    async with open_service(settings_of(copied)) as service:
        with closing(connection):
            return await ask_both_ways(connection, key, service, questions)


def main() -> None:
    parser = ArgumentParser(prog="python -m eval.bench_serving", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--data", type=Path, metavar="FILE", help="a corpus.jsonl to build from; else made-up text")
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument(
        "--embed-every",
        type=int,
        default=1,
        metavar="N",
        help="embed every N-th text and mix the vectors of the others from those: faster to build, same to serve",
    )
    arguments = parser.parse_args()
    figures = bench(arguments.chunks, arguments.data, arguments.embed_every, arguments.questions)
    sys.stderr.write(
        f"{figures['chunks']} chunks: ready in {figures['ready_s']} s, {figures['rss_mib']} MiB; search is "
        f"{figures['ratio']} times the bare cost of one embedding and one index query\n"
    )
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
