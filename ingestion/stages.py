"""The stages of a document's path that cost time or touch hostile bytes, behind one protocol.

In production they run in processes of their own (``ingestion.processes``); ``LocalStages`` runs the same functions in
this process, for measurements of what the stages cost by themselves, and for tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ingestion.chunk import chunk
from ingestion.containers.kinds import Kind
from ingestion.containers.limits import UnpackLimits
from ingestion.containers.walk import Unpacked, unpack
from ingestion.judge import judged, requests_in
from ingestion.parse import parse
from ingestion.removal import KeyedPolicy
from ingestion.screen import screen
from ingestion.scrub import scrub, scrub_text
from ingestion.validate import validate
from rag_service.adapters.injection_classifier import PackagedClassifier, packaged_defender
from rag_service.detect.judge import Judge
from rag_service.detect.pii import PiiDetector
from rag_service.domain.document import Chunk, ParsedDocument, RemovedValue, ScreenedDocument, ScrubbedDocument, Upload
from rag_service.domain.errors import EmbeddingMismatch
from rag_service.domain.identity import TenantId
from rag_service.ports import Embedder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from rag_service.settings import Settings


def places(settings: Settings) -> int:
    """How many jobs are under way at a time: two for each process that embeds, and one that is kept.

    Of one tenant's, all but one: its slow files make nobody else wait.
    """
    return 2 * settings.workers + 1


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A document as readers may see it, with its source scrubbed likewise. ``values`` are what its stand-ins stand for:
    they go beside it, and nowhere else."""

    document: ScreenedDocument
    source: str
    values: tuple[RemovedValue, ...] = field(default=(), repr=False)


class Stages(Protocol):
    """Each stage raises ``Refused`` for what cannot become a document, and ``StageFailed`` where it fails itself."""

    @property
    def fingerprint(self) -> str:
        """That of the embedding model."""
        ...

    async def parse(self, upload: Upload, max_bytes: int) -> ParsedDocument:
        """Validates and parses: the only stage that meets bytes as they arrived."""
        ...

    async def unpack(
        self, upload: Upload, limits: UnpackLimits, *, mail: Kind | None = None, first: int = 0
    ) -> Unpacked | None:
        """The members of an archive, or of what was parsed as ``mail``; ``None`` where it is neither."""
        ...

    async def scrub(self, document: ParsedDocument, source: str, policy: KeyedPolicy) -> Cleaned:
        """Scrubs and screens."""
        ...

    async def screen(self, document: ScrubbedDocument) -> ScreenedDocument:
        """Screens what was scrubbed before: a stored document, when detectors have changed."""
        ...

    async def judge(self, document: ScreenedDocument) -> ScreenedDocument:
        """Requests that are none for the document's readers are marked."""
        ...

    async def chunk(self, document: ScreenedDocument) -> list[Chunk]: ...

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """A row of unit length for each text, in order."""
        ...


class StagesByTenant(Protocol):
    """``Stages`` for whoever needs them: each tenant's documents meet processes that met no other tenant's."""

    @property
    def fingerprint(self) -> str:
        """That of the embedding model of new tenants."""
        ...

    @property
    def recognizers(self) -> str:
        """The digest of the recognizers that the installation adds, as those who scrub were given them."""
        ...

    def of(self, tenant: TenantId, embedding: str | None = None) -> Stages:
        """For documents of this tenant, embedded by the configured model of this fingerprint, else that of new tenants.

        Blocking, where that model must be loaded first. Raises ``EmbeddingMismatch`` where none is of the fingerprint.
        """
        ...


class LocalStages:
    """``Stages`` in threads of this process, without limits: for files that are trusted."""

    def __init__(
        self, embedder: Embedder, detector: PiiDetector, judge: Judge | None = None, *, recognizers: str = ""
    ) -> None:
        self.recognizers = recognizers
        self._embedder = embedder
        self._detector = detector
        self._judge = judge or Judge(embedder, PackagedClassifier(packaged_defender()))

    def of(self, tenant: TenantId, embedding: str | None = None) -> Stages:  # noqa: ARG002  # one process for all
        if embedding not in (None, self.fingerprint):
            raise EmbeddingMismatch(embedding, self.fingerprint)
        return self

    @property
    def fingerprint(self) -> str:
        return self._embedder.fingerprint

    async def parse(self, upload: Upload, max_bytes: int) -> ParsedDocument:
        return await asyncio.to_thread(lambda: parse(validate(upload, max_bytes=max_bytes)))

    async def unpack(
        self, upload: Upload, limits: UnpackLimits, *, mail: Kind | None = None, first: int = 0
    ) -> Unpacked | None:
        return await asyncio.to_thread(unpack, upload, limits, mail=mail, first=first)

    async def scrub(self, document: ParsedDocument, source: str, policy: KeyedPolicy) -> Cleaned:
        return await asyncio.to_thread(clean, document, source, policy, self._detector)

    async def screen(self, document: ScrubbedDocument) -> ScreenedDocument:
        return await asyncio.to_thread(screen, document)

    async def judge(self, document: ScreenedDocument) -> ScreenedDocument:
        return judged(document, await asyncio.to_thread(self._judge.judge, requests_in(document)))

    async def chunk(self, document: ScreenedDocument) -> list[Chunk]:
        return await asyncio.to_thread(chunk, document, self._embedder.token_starts)

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return await asyncio.to_thread(self._embedder.embed, texts)


def clean(document: ParsedDocument, source: str, policy: KeyedPolicy, detector: PiiDetector) -> Cleaned:
    """The document scrubbed and screened, and its source scrubbed as readers will see it."""
    scrubbed, values = scrub(document, policy, detector)
    return Cleaned(screen(scrubbed), scrub_text(source, policy, detector)[0], values)
