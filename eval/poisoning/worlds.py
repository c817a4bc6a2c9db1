"""Who put which documents where: poison, honest support and honest look-alikes, each for readers of its own group.

A world is a set of groups: what a caller in them reads. Access lists keep worlds apart, so that one installation
holds them all, and no world's documents count in another's statistics. Each target's poison is a world of its own, for
an attacker's passages about other questions would be an unlikely background.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from eval.poisoning import honest
from eval.poisoning.forge import topic_of
from eval.poisoning.questions import Target
from ingestion.batch import Intake, Outcome, Watcher, ingest_each
from ingestion.crew import ingesting
from ingestion.stages import StagesByTenant
from rag_service.authentication import Caller, act_as
from rag_service.domain.document import Upload
from rag_service.domain.errors import Refused
from rag_service.domain.identity import Principal
from rag_service.wiring import Service

PLAIN, MIRRORED, SUPPORT, FAQ, NOTES = "plain", "mirrored", "support", "faq", "notes"
MALLORY = "mallory"
_ENTRIES = 8
"""Of a FAQ page."""
_AT_ONCE = 6
"""Batches on their way together: each waits a while for the index to follow."""
_LIBRARIANS = ("librarian", "archivist", "helpdesk")


@dataclass(frozen=True, slots=True)
class Page:
    """A document for one group of one company, and who uploads it."""

    tenant: str
    group: str
    uploader: str
    source: str
    text: str


def pages_about(targets: Sequence[Target], tenants: Sequence[str]) -> list[Page]:
    """Every document that is planted. A target of no company stands in one of them, in turn."""
    pages: list[Page] = []
    homes = dict(zip((target.id for target in targets), homes_of(targets, tenants), strict=True))
    for target in targets:
        home = homes[target.id]
        for number, text in enumerate(target.poison):
            mirrored = f"{target.question.rstrip('?')}? {text}"
            for world, said in ((PLAIN, text), (MIRRORED, mirrored)):
                source = f"{world}/{target.id}/{number}.txt"
                pages.append(Page(home, group_of(world, target), MALLORY, source, said))
        if target.fact is None:
            pages += _support(target, home)
        else:
            notes = honest.agreeing_notes(topic_of(target.question), target.fact, target.right)
            pages += [
                Page(home, group_of(NOTES, target), "colleague", f"{NOTES}/{target.id}/{number}.txt", text)
                for number, text in enumerate(notes)
            ]
    for tenant in tenants:
        here = [target for target in targets if homes[target.id] == tenant]
        foreign = [(target.question, target.right) for target in here if target.fact is None]
        own = [(target.question, target.fact) for target in here if target.fact is not None]
        for group, entries in ((SUPPORT, foreign), (FAQ, own)):
            for number in range(0, len(entries), _ENTRIES):
                text = honest.faq_page(f"Questions {number // _ENTRIES + 1}", entries[number : number + _ENTRIES])
                pages.append(Page(tenant, group, "helpdesk", f"{group}/faq-{number}.md", text))
    return pages


def group_of(world: str, target: Target) -> str:
    """Who reads what was planted about this target in this world."""
    return f"{world}-{target.id}"


def homes_of(targets: Sequence[Target], tenants: Sequence[str]) -> list[str]:
    """Each target's company."""
    return [target.tenant or tenants[number % len(tenants)] for number, target in enumerate(targets)]


def _support(target: Target, home: str) -> Iterator[Page]:
    """Up to two pages beside the entry in a FAQ page, each by somebody else."""
    number = hashlib.sha256(target.question.encode()).digest()[0]
    if number % 3 > 0:
        text = honest.reference_page("Reference shelf", target.question, target.right, number)
        yield Page(home, group_of(SUPPORT, target), _LIBRARIANS[0], f"{SUPPORT}/shelf/{target.id}.md", text)
    if number % 3 > 1:
        text = honest.short_record(target.question, target.right)
        yield Page(home, group_of(SUPPORT, target), _LIBRARIANS[1], f"{SUPPORT}/index/{target.id}.md", text)


async def plant(
    pages: Iterable[Page],
    service: Service,
    stages: AbstractContextManager[StagesByTenant],
    done: Callable[[], None],
) -> int:
    """Each page was offered to ingestion by its uploader. How many were refused: they are in no world."""
    refused = 0

    def report(_: Page, outcome: Outcome) -> bool:
        nonlocal refused
        refused += isinstance(outcome, Refused)
        done()
        return True

    async def offer(tenant: str, group: str, uploader: str, batch: list[Page]) -> None:
        async with turns:
            home = await service.store.tenants.by_name(tenant)
            intake = Intake(home, uploader, uploader, [Principal.group(group)])
            await ingest_each(batch, _upload, intake, service.store, Watcher(report))

    turns = asyncio.Semaphore(_AT_ONCE)
    kind = attrgetter("tenant", "group", "uploader")
    async with ingesting(service, stages), asyncio.TaskGroup() as offers:
        for (tenant, group, uploader), batch in groupby(sorted(pages, key=kind), kind):
            offers.create_task(offer(tenant, group, uploader, list(batch)))
    return refused


def _upload(page: Page) -> Upload:
    return Upload(name=page.source.rsplit("/", 1)[-1], content=page.text.encode(), source=page.source)


async def reader(service: Service, tenant: str, *groups: str) -> Caller:
    """Somebody who reads what is for everyone, and for these groups."""
    home = await service.store.tenants.by_name(tenant)
    return await act_as(home, "reader", groups, groups_of=service.store.groups)
