"""``Stages`` that tell where a job is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ingestion.containers.kinds import Kind
from ingestion.containers.limits import UnpackLimits
from ingestion.containers.walk import Unpacked
from ingestion.removal import KeyedPolicy
from ingestion.stages import Cleaned, Stages
from rag_service.domain.document import Chunk, ParsedDocument, ScreenedDocument, ScrubbedDocument, Upload

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class WatchedStages:
    """The same stages; ``tell`` hears the name of each as it begins."""

    def __init__(self, stages: Stages, tell: Callable[[str], None]) -> None:
        self._stages = stages
        self._tell = tell

    @property
    def fingerprint(self) -> str:
        return self._stages.fingerprint

    async def parse(self, upload: Upload, max_bytes: int) -> ParsedDocument:
        self._tell("parse")
        return await self._stages.parse(upload, max_bytes)

    async def unpack(
        self, upload: Upload, limits: UnpackLimits, *, mail: Kind | None = None, first: int = 0
    ) -> Unpacked | None:
        self._tell("unpack")
        return await self._stages.unpack(upload, limits, mail=mail, first=first)

    async def scrub(self, document: ParsedDocument, source: str, policy: KeyedPolicy) -> Cleaned:
        self._tell("scrub")
        return await self._stages.scrub(document, source, policy)

    async def screen(self, document: ScrubbedDocument) -> ScreenedDocument:
        self._tell("screen")
        return await self._stages.screen(document)

    async def judge(self, document: ScreenedDocument) -> ScreenedDocument:
        self._tell("judge")
        return await self._stages.judge(document)

    async def chunk(self, document: ScreenedDocument) -> list[Chunk]:
        self._tell("chunk")
        return await self._stages.chunk(document)

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self._tell("embed")
        return await self._stages.embed(texts)
