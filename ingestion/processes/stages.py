"""``Stages`` as production has them: each in processes that hold only what it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from ingestion.containers.kinds import Kind
from ingestion.containers.limits import UnpackLimits
from ingestion.containers.walk import Unpacked
from ingestion.judge import judged, requests_in
from ingestion.processes import replies, wire
from ingestion.processes.birth import ChildFailed
from ingestion.processes.further_models import FurtherModels
from ingestion.processes.of_tenant import OfTenant
from ingestion.processes.pool import Pool, StageDefect
from ingestion.processes.profile import Accounts, StageProfile
from ingestion.processes.programs import PROGRAMS, Programs, programs_for
from ingestion.processes.refusals import REFUSALS
from ingestion.processes.sandbox import Layers
from ingestion.processes.turns import Read, Write
from ingestion.processes.wire import Ready
from ingestion.processes.worker import LimitBroken, NotStarted
from ingestion.removal import KeyedPolicy
from ingestion.stages import Cleaned, Stages, places
from rag_service.adapters.embedders import configured
from rag_service.detect.judge import RequestInPlace
from rag_service.detect.recognizers import digest
from rag_service.domain.document import Chunk, ParsedDocument, ScreenedDocument, ScrubbedDocument, Upload
from rag_service.domain.errors import (
    InvalidSetting,
    ModelUnavailable,
    ModelUnverified,
    RagError,
    Refused,
    StageFailed,
)
from rag_service.domain.identity import TenantId

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from rag_service.settings import Settings

T = TypeVar("T")

BATCH = 8
"""Texts in one request to a model worker: see ``docs/decisions/0020-worker-processes.md`` for the measurement."""

_JUDGED_AT_ONCE = 64
"""Requests in one question to a model worker; a millisecond or two each, and ten more for the few that give cause."""

_PATIENCE_S = 2.0
"""How long a document waits for a parser or text worker before another is started: one of each keeps up with two
model workers, and a second costs as much as scrubbing fifty documents."""


class ProcessStages:
    """``StagesByTenant`` over three pools of child processes: parsers, text workers, model workers.

    To be used as a context manager, or closed. Children are started when they are first needed, one of each kind by
    ``start``; more when requests would wait. May be used by several event loops, one after the other.

    A request is ``Refused`` where the file is to blame, limits included, and ``StageFailed`` where a child died, was
    killed from outside, or broke its word: another attempt may succeed, and somebody should count them.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        parsers: int | None = None,
        text_workers: int | None = None,
        model_workers: int | None = None,
        batch: int = BATCH,
        programs: Programs | None = None,
    ) -> None:
        programs = programs or programs_for(settings)
        opened = partial(ProcessStages, model_workers=model_workers, batch=batch, programs=programs)
        self._further = FurtherModels([partial(opened, one) for one in configured(settings)[1:]])
        self.recognizers = digest(programs.text.config)
        self._batch = batch
        self._ready: Ready | None = None
        cache_dir = str(settings.cache_dir.absolute())  # a child works in another folder
        model = wire.ModelConfig(_absolute(settings.embedding_model), settings.embedding_backend, cache_dir)
        self._accounts = Accounts()
        self._model_workers = model_workers or settings.workers
        most = places(settings)  # so that no job keeps another out
        self._parsers = Pool(programs.parser, parsers or most, self._accounts, patience_s=_PATIENCE_S)
        self._texts = Pool(programs.text, text_workers or most, self._accounts, patience_s=_PATIENCE_S)
        self._models = Pool(replace(programs.model, config=wire.encode(model)), self._model_workers, self._accounts)
        self._pools = {"parser": self._parsers, "text": self._texts, "model": self._models}

    def start(self) -> None:
        """One child of each kind is on its way, side by side. Returns at once."""
        for pool in self._pools.values():
            pool.start()

    def close(self) -> None:
        """No child is left; what was under way has failed. Repeating it changes nothing."""
        self._further.close()
        for pool in self._pools.values():
            pool.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def fingerprint(self) -> str:
        """That of the embedding model; waits until a model worker has loaded it. Raises what kept it from loading."""
        if self._ready is None:
            try:
                self._ready = self._models.when_ready().result()
            except NotStarted as problem:
                raise _error_of(problem.trouble) from None
            except ChildFailed as problem:
                raise StageFailed("embed", problem.detail) from None
        return self._ready.fingerprint

    def of(self, tenant: TenantId, embedding: str | None = None) -> Stages:
        """For documents of this tenant: no parser or text worker that meets them has met or will meet another's.

        Model workers are shared. What they answer is vectors, and places of cuts in a text that the asker has. Those of
        a further model (``RAG_EMBEDDING_MODELS``) start when a tenant first needs it.
        """
        if embedding is None or embedding == self.fingerprint:
            return OfTenant(self, tenant, self)
        return OfTenant(self, tenant, self._further.of(embedding, self.fingerprint))

    async def parse(self, tenant: TenantId, upload: Upload, max_bytes: int) -> ParsedDocument:
        request = wire.ParseRequest(upload.name, upload.source, upload.title, max_bytes)
        return await _result(
            self._parsers, "parse", lambda: (wire.encode(request), upload.content), replies.parsed, realm=tenant
        )

    async def unpack(
        self, tenant: TenantId, upload: Upload, limits: UnpackLimits, mail: Kind | None, first: int
    ) -> Unpacked | None:
        request = wire.UnpackRequest(upload.name, limits, mail, first)
        return await _result(
            self._parsers,
            "unpack",
            lambda: (wire.encode(request), upload.content),
            partial(replies.unpacked, limits, first, len(upload.content)),
            realm=tenant,
        )

    async def scrub(self, tenant: TenantId, document: ParsedDocument, source: str, policy: KeyedPolicy) -> Cleaned:
        request = wire.ScrubRequest(document, source, policy.policy)
        return await _result(
            self._texts,
            "scrub",
            lambda: (wire.encode(request), policy.pseudonym_key),
            replies.cleaned,
            realm=tenant,
        )

    async def screen(self, tenant: TenantId, document: ScrubbedDocument) -> ScreenedDocument:
        return await _result(
            self._texts,
            "screen",
            lambda: (wire.encode(document), b""),
            partial(replies.screened, document),
            realm=tenant,
        )

    async def judge(self, document: ScreenedDocument) -> ScreenedDocument:
        """In batches, one after the other: most documents have but one."""
        requests, odds = requests_in(document), list[float]()
        for at in range(0, len(requests), _JUDGED_AT_ONCE):
            batch = tuple(requests[at : at + _JUDGED_AT_ONCE])
            write = partial(_to_be_judged, batch)
            odds += await _result(self._models, "judge", write, partial(replies.odds, len(batch)), is_urgent=True)
        return judged(document, odds)

    async def chunk(self, document: ScreenedDocument) -> list[Chunk]:
        return await _result(
            self._models,
            "chunk",
            lambda: (wire.encode(document), b""),
            partial(replies.chunks, document),
            is_urgent=True,
        )

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """In batches, of which a document has few under way at once: a short document need not wait for a long one."""
        import numpy as np

        dimension = await self._dimension()
        at_once = asyncio.Semaphore(self._model_workers + 1)

        async def embedded(batch: tuple[str, ...]) -> npt.NDArray[np.float32]:
            async with at_once:
                read = partial(replies.rows, len(batch), dimension)
                return await _result(self._models, "embed", lambda: (wire.encode(wire.Texts(batch)), b""), read)

        try:
            async with asyncio.TaskGroup() as group:
                starts = range(0, len(texts), self._batch)
                tasks = [group.create_task(embedded(tuple(texts[at : at + self._batch]))) for at in starts]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return np.concatenate([np.zeros((0, dimension), np.float32), *(task.result() for task in tasks)])

    def profile(self) -> Mapping[str, StageProfile]:
        """Where time went so far, by stage; ``start`` is the start of children."""
        return self._accounts.read()

    def peak_rss_mib(self) -> Mapping[str, float]:
        """The most memory that one child of each kind has had."""
        return {kind: pool.peak_rss_kib / 1024 for kind, pool in self._pools.items()}

    def pids(self) -> Mapping[str, Sequence[int]]:
        """The children that run now, by kind."""
        return {kind: pool.pids for kind, pool in self._pools.items()}

    def templates(self) -> Mapping[str, int]:
        """The processes that children are forked from, by kind."""
        return {kind: pid for kind, pool in self._pools.items() if (pid := pool.template) is not None}

    async def _dimension(self) -> int:
        if self._ready is None:
            self._ready = await _translated("embed", self._models.when_ready())
        return self._ready.dimension


def layers() -> Layers:
    """What keeps parsers in on this machine: a parser is started, which tries each layer that the kernel accepted.

    Raises ``StageFailed`` where no parser can be started.
    """
    parser = Pool(PROGRAMS.parser, 1, Accounts())
    try:
        ready = parser.when_ready().result()
    except (ChildFailed, NotStarted) as problem:
        raise StageFailed("parse", str(problem)) from None
    finally:
        parser.close()
    return Layers(ready.landlock, ready.seccomp, ready.user)


async def _result(
    pool: Pool, stage: str, write: Write, read: Read[T], *, realm: TenantId | None = None, is_urgent: bool = False
) -> T:
    try:
        future = pool.submit(stage, write, read, realm=realm, is_urgent=is_urgent)
    except ChildFailed as problem:
        raise StageFailed(stage, problem.detail) from None
    return await _translated(stage, future)


async def _translated(stage: str, future: Future[T]) -> T:
    """The result, or the error in our tree that says what to do: refuse the file, or try again."""
    try:
        return await asyncio.wrap_future(future)
    except LimitBroken as broken:
        if refusal := REFUSALS.get((stage, broken.what)):
            raise Refused(*refusal) from None
        raise StageFailed(stage, f"its worker broke the limit of {broken.what}") from None
    except ChildFailed as problem:
        raise StageFailed(stage, f"its worker {problem.detail}") from None
    except StageDefect as defect:
        raise StageFailed(stage, f"its worker met {defect.error}") from None
    except NotStarted as problem:
        raise _error_of(problem.trouble) from None


def _to_be_judged(requests: tuple[RequestInPlace, ...]) -> tuple[bytes, bytes]:
    return wire.encode(wire.Requests(requests)), b""


def _absolute(model: str) -> str:
    return model if model == "packaged" else str(Path(model).absolute())


def _error_of(trouble: wire.Trouble) -> RagError:
    for kind in (ModelUnverified, ModelUnavailable, InvalidSetting):
        if kind.__name__ == trouble.error and trouble.fields.keys() == {one.name for one in fields(kind)}:
            return kind(**trouble.fields)
    return StageFailed("start", trouble.error)
