"""``Stages`` for the documents of one tenant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.containers.kinds import Kind
from ingestion.containers.limits import UnpackLimits
from ingestion.containers.walk import Unpacked
from ingestion.removal import KeyedPolicy
from ingestion.stages import Cleaned
from rag_service.domain.document import Chunk, ParsedDocument, ScreenedDocument, ScrubbedDocument, Upload
from rag_service.domain.identity import TenantId

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ingestion.processes.stages import ProcessStages


@dataclass(frozen=True, slots=True)
class OfTenant:
    """What embeds may be the workers of another model than that of new tenants."""

    _all: ProcessStages
    _tenant: TenantId
    _embedding: ProcessStages

    @property
    def fingerprint(self) -> str:
        return self._embedding.fingerprint

    async def parse(self, upload: Upload, max_bytes: int) -> ParsedDocument:
        return await self._all.parse(self._tenant, upload, max_bytes)

    async def unpack(
        self, upload: Upload, limits: UnpackLimits, *, mail: Kind | None = None, first: int = 0
    ) -> Unpacked | None:
        return await self._all.unpack(self._tenant, upload, limits, mail, first)

    async def scrub(self, document: ParsedDocument, source: str, policy: KeyedPolicy) -> Cleaned:
        return await self._all.scrub(self._tenant, document, source, policy)

    async def screen(self, document: ScrubbedDocument) -> ScreenedDocument:
        return await self._all.screen(self._tenant, document)

    async def judge(self, document: ScreenedDocument) -> ScreenedDocument:
        return await self._all.judge(document)

    async def chunk(self, document: ScreenedDocument) -> list[Chunk]:
        return await self._embedding.chunk(document)

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return await self._embedding.embed(texts)
