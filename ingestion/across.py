"""A document beside its uploader's others: compared before it is stored, in turn, so that each sees those before it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from ingestion.floods import MOST_COMPARED, Earlier, compare
from ingestion.sketch import Sketch, sketch
from ingestion.verdict import verdict
from rag_service.authentication import operate
from rag_service.domain.document import Finding, ScreenedDocument
from rag_service.domain.identity import OperatorScope
from rag_service.domain.verdict import CrossFindings
from rag_service.store.holding import HeldWith
from rag_service.store.sketches import SealedSketch, Sketches, sealed_sketch
from rag_service.store.tenants import Tenant

if TYPE_CHECKING:
    from ingestion.pipeline import IngestionParts, Made, Task
    from rag_service.store.live_version import LiveVersion


class Together(NamedTuple):
    """What is stored with a version: its sketch, and which others are held."""

    sketch: SealedSketch | None
    held_with: HeldWith | None


@dataclass(frozen=True, slots=True)
class Beside:
    """One document of an uploader, and where to find the others. ``sketch`` is ``None`` where it is not compared.

    Documents of one uploader take turns from the comparison until they are stored. Several worker processes do not
    wait for each other: what is stored by two of them at one moment is compared when a third comes.
    """

    operator: OperatorScope
    tenant: Tenant
    sketches: Sketches
    uploader: str
    document_id: str
    sketch: Sketch | None

    def turn(self) -> AbstractAsyncContextManager[object]:
        return nullcontext() if self.sketch is None else self.sketches.turn(self.operator, self.uploader)

    async def findings(self) -> CrossFindings | None:
        """What the document shows beside the newest of its uploader's; ``None`` where it was not compared."""
        if self.sketch is None:
            return None
        keys = self.tenant.keys
        rows = await self.sketches.recent(self.operator, keys, self.uploader, limit=MOST_COMPARED, but=self.document_id)
        return await asyncio.to_thread(_compared, self.sketch, rows)

    def held_with(self, found: CrossFindings | None) -> HeldWith | None:
        """Live documents that make a flood with it: held as the document itself is stored, or not at all."""
        if found is None or not found.also:
            return None
        return HeldWith(self.tenant.keys, found.also, found.reasons, found.detector_version, self.uploader)

    def sealed(self, version: int) -> SealedSketch | None:
        """The sketch, to be stored with the version."""
        if self.sketch is None:
            return None
        return sealed_sketch(self.tenant.keys, self.uploader, self.document_id, version, self.sketch.packed())


async def beside_others(task: Task, live: LiveVersion | None, made: Made, parts: IngestionParts) -> Beside:
    """The document with its sketch under the tenant's key. Nothing was compared yet.

    What is held for what it says itself has none: it is no witness against others.
    """
    tenant = task.tenant
    key = tenant.keys.token("sketch", "key").encode()
    drawn = None
    if parts.holds and not verdict(made.judged, None).holds:
        drawn = await asyncio.to_thread(sketch, made.judged.document.text, made.embedded, key)
    document_id = live.document_id if live else task.claim.document_id
    uploader = task.request.ingested_by
    return Beside(operate(tenant), tenant, parts.sketches, uploader, document_id, drawn)


def _compared(made: Sketch, rows: Sequence[tuple[str, bytes]]) -> CrossFindings:
    earlier = []
    for document_id, raw in rows:
        with suppress(ValueError):  # of another version: it says other things than this one's
            earlier.append(Earlier(document_id, Sketch.unpacked(raw)))
    return compare(made, earlier)


def with_evidence(document: ScreenedDocument, found: CrossFindings | None) -> ScreenedDocument:
    """The document with what it shows beside others among its evidence, at its first line."""
    if found is None or not found.evidence:
        return document
    end = len(document.document.text.partition("\n")[0])
    return replace(document, evidence=(*document.evidence, *(Finding(kind, 0, end) for kind in found.evidence)))
