"""`kill -9` at random moments of ingestion, over and over: is anything that was accepted lost?

    python -m eval.crashes [--kills 60] [--files 200] [--seed 1] [--data DIR]

The product runs as its users run it. In the first half, uploads go over HTTP to `rag serve`; in the second, `rag
ingest` works beside `rag serve --role api`. Parsers, text and model workers, the worker, the owner of the index, or all
of them are killed; servers and commands are started again as a supervisor or user would. Meanwhile somebody searches
over HTTP, and checks every passage and document that is seen. Files are uploaded in edition after edition until all
kills are done. Exit status 1 where anything was lost, doubled or half visible.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from eval.crash_processes import Part, kill, parts_of
from eval.crash_site import PATIENCE_S, TENANT, Site, ingest_editions, upload_editions
from eval.crash_watch import Seen, Watcher, edition_of
from eval.served import Installation, temporary_installation
from eval.synthetic_text import documents
from rag_service.authentication import operate
from rag_service.domain.jobs import ENDED, JobState
from rag_service.settings import load_settings
from rag_service.wiring import open_store


@dataclass
class Outcome:
    """What was found in the end. All but the first four must be nothing."""

    kills: dict[str, int] = field(default_factory=dict)
    editions: int = 0
    searches: int = 0
    passages: int = 0
    seconds: float = 0.0
    lost: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    half_visible: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    dead_letters: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not any((self.lost, self.duplicates, self.half_visible, self.differences, self.dead_letters)) and (
            not self.unfinished
        )


def kill_at_random(site: Site, owner: Callable[[], int], fire: Fire) -> Counter[str]:
    """Each of the parts was killed while it ran, at a moment nobody chose."""
    killed: Counter[str] = Counter()
    by_command = site.command is not None
    for part in fire.parts:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            time.sleep(fire.chance.uniform(0.2, 2.0))
            command = site.command
            if by_command and command is None:
                continue
            running = parts_of(owner(), command.pid if command else None)
            if pids := running.get(part):
                kill(pids if part in {Part.ALL, Part.OWNER, Part.WORKER} else [fire.chance.choice(pids)])
                killed[part.value] += 1
                break
    return killed


def crash(kills: int, bodies: Sequence[str], seed: int, folder: Path) -> Outcome:
    """What became of an installation whose processes were killed so often."""
    chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
    outcome, began = Outcome(), time.perf_counter()
    with temporary_installation() as installation:
        site = Site(installation, bodies, folder)
        installation.rag("tenant", "create", TENANT)
        made = installation.rag(
            "key", "create", "--tenant", TENANT, "--user", "ann", "--scope", "query", "--scope", "ingest"
        )
        key, half = str(made["key"]), len(bodies) // 2
        killed: Counter[str] = Counter()
        drawn = list(islice(_endlessly(chance), kills))
        first, second = drawn[: kills // 2], drawn[kills // 2 :]
        killed += _under_fire(site, "all", range(half), key, Fire(first, chance, seed), outcome)
        killed += _under_fire(site, "api", range(half, len(bodies)), key, Fire(second, chance, seed), outcome)
        outcome.kills = dict(sorted(killed.items()))
        outcome.editions = sum(site.acknowledged.values())
        _compare(outcome, site)
    outcome.seconds = round(time.perf_counter() - began, 1)
    return outcome


@dataclass(frozen=True, slots=True)
class Fire:
    """What is to be killed, in this order."""

    parts: Sequence[Part]
    chance: random.Random
    seed: int


def _under_fire(site: Site, role: str, numbers: range, key: str, fire: Fire, outcome: Outcome) -> Counter[str]:
    """These files were ingested until all was killed, and once more in peace, while somebody looked on."""
    enough, failures = threading.Event(), list[BaseException]()

    def work() -> None:
        try:
            if role == "all":
                upload_editions(site, numbers, key, enough)
            else:
                ingest_editions(site, numbers, enough)
        except BaseException as error:  # noqa: BLE001  # told where it is looked for
            failures.append(error)

    with site.supervised(role) as owner, site.client(key) as eyes:
        watcher, worker = Watcher(eyes, len(site.bodies), fire.seed), threading.Thread(target=work, daemon=True)
        watcher.start()
        worker.start()
        while role == "api" and site.command is None and worker.is_alive():
            time.sleep(0.05)
        killed = kill_at_random(site, owner, fire)
        enough.set()
        worker.join()
        _add(outcome, watcher.stop())
    if failures:
        raise failures[0]
    return killed


def _endlessly(chance: random.Random) -> Iterator[Part]:
    while True:
        parts = list(Part)
        chance.shuffle(parts)
        yield from parts


def _add(outcome: Outcome, seen: Seen) -> None:
    outcome.searches += seen.searches
    outcome.passages += seen.passages
    outcome.half_visible += seen.broken


def _compare(outcome: Outcome, site: Site) -> None:
    """What there is in the end, against what was acknowledged."""
    report = site.installation.rag("doctor", "--deep", accept=(0, 1))
    outcome.differences += [f"{one['name']}: {one['detail']}" for one in report["checks"] if not one["ok"]]
    texts, jobs = asyncio.run(_stored(site.installation))
    for number, edition in sorted(site.acknowledged.items()):
        found = [text for text in texts if f" of file {number}." in text]
        if len(found) > 1:
            outcome.duplicates.append(f"file {number}")
        elif not found or edition_of(found[0], number) != edition:
            outcome.lost.append(f"file {number}, edition {edition}")
    outcome.lost += sorted(site.accepted - jobs.keys())
    outcome.dead_letters += [job for job, state in jobs.items() if state in {JobState.FAILED, JobState.REFUSED}]
    outcome.unfinished += [job for job, state in jobs.items() if state not in ENDED]


async def _stored(installation: Installation) -> tuple[list[str], dict[str, JobState]]:
    """The text of every document, and every job."""
    from rag_service.authentication import act_as

    own = {name: installation.environment[name] for name in ("RAG_DATA_DIR", "RAG_MASTER_KEY")}
    settings = load_settings(data_dir=Path(own["RAG_DATA_DIR"]), master_key=own["RAG_MASTER_KEY"])
    async with open_store(settings) as store:
        tenant = await store.tenants.by_name(TENANT)
        caller = await act_as(tenant, "ann", [], groups_of=store.groups)
        metas = await store.documents.all(operate(tenant), tenant.keys)
        texts = [(await store.documents.text(caller.scope, tenant.keys, one.document_id))[1] for one in metas]
        jobs = await store.jobs.jobs(operate(tenant), tenant.keys, list(JobState), 10**6)
    return texts, {job.job_id: job.state for job in jobs}


def table(outcome: Outcome) -> str:
    """The outcome for people."""
    facts: dict[str, Any] = {"kills": sum(outcome.kills.values())}
    facts |= {f"  {part}": count for part, count in outcome.kills.items()}
    facts |= {"editions acknowledged": outcome.editions, "searches meanwhile": outcome.searches}
    facts |= {"passages checked": outcome.passages}
    facts |= {
        "lost accepted documents": len(outcome.lost),
        "half-visible documents": len(outcome.half_visible),
        "duplicates": len(outcome.duplicates),
        "differences of SQL and index": len(outcome.differences),
        "dead letters": len(outcome.dead_letters),
        "unfinished jobs": len(outcome.unfinished),
        "seconds": outcome.seconds,
    }
    return "\n".join(f"{name:<30}{value:>8}" for name, value in facts.items())


def read_bodies(data: Path | None, files: int, seed: int) -> list[str]:
    """The texts of this many files: those under a folder, or made up."""
    if data is None:
        return [text for _, text in islice(documents(seed), files)]
    found = sorted(path for path in data.rglob("*") if path.suffix in {".txt", ".md"})[:files]
    return [" ".join(path.read_text(encoding="utf-8").split()) for path in found]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.crashes", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, help="a folder of .txt and .md files, in place of made-up ones")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="rag-crashes-") as folder:
        bodies = read_bodies(given.data, given.files, given.seed)
        outcome = crash(given.kills, bodies, given.seed, Path(folder))
    sys.stdout.write(json.dumps(asdict(outcome)) + "\n" + table(outcome) + "\n")
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
