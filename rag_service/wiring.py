"""The only module that knows which adapter stands behind a port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property

import structlog

from rag_service.adapters.extractive_answerer import ExtractiveAnswerer
from rag_service.detect.pii import PiiDetector
from rag_service.folder import DataFolder, hold, open_folder
from rag_service.follow import IndexFollower
from rag_service.models import Models
from rag_service.ports import Answerer, ChunkIndex, Embedder, IdentityProvider
from rag_service.query.ask import QueryParts
from rag_service.query.guard import GuardPolicy
from rag_service.query.route import Tier
from rag_service.query.token_budget import TokenBudget
from rag_service.settings import Settings
from rag_service.store.api_keys import ApiKeys
from rag_service.store.consistency import Consistency
from rag_service.store.database import Database
from rag_service.store.documents import Documents
from rag_service.store.epochs import Epochs
from rag_service.store.groups import Groups
from rag_service.store.jobs import JobQueue
from rag_service.store.key_uses import KeyUses
from rag_service.store.nonces import Nonces
from rag_service.store.outbox import Outbox
from rag_service.store.quarantine import Quarantine
from rag_service.store.revalidation import Revalidation
from rag_service.store.sketches import Sketches
from rag_service.store.tenant_jobs import TenantJobs
from rag_service.store.tenants import Tenants
from rag_service.store.uploads import QueueLimits, Uploads
from rag_service.store.versions import Versions
from rag_service.tokens import ServiceTokens

__all__ = ["WORST_CASE", "Models", "Service", "Store", "open_service", "open_store", "owned"]

_log = structlog.get_logger()

WORST_CASE = "worst-case:"
"""In place of a server's address: the model that attacks the service, for evaluation."""


@dataclass(frozen=True, slots=True)
class Store:
    """The repositories over one data folder."""

    folder: DataFolder
    tenants: Tenants
    epochs: Epochs
    groups: Groups
    api_keys: ApiKeys
    key_uses: KeyUses
    nonces: Nonces
    documents: Documents
    versions: Versions
    quarantine: Quarantine
    sketches: Sketches
    revalidation: Revalidation
    outbox: Outbox
    uploads: Uploads
    jobs: TenantJobs
    queue: JobQueue
    consistency: Consistency


@dataclass(frozen=True)
class Service:
    """The store, and the index that this process owns."""

    settings: Settings
    store: Store
    models: Models
    index: ChunkIndex
    follower: IndexFollower
    tokens: ServiceTokens
    provider: IdentityProvider | None

    @property
    def embedder(self) -> Embedder:
        """The model of new tenants."""
        return self.models.embedder

    @property
    def detector(self) -> PiiDetector:
        return self.models.detector

    def load_detector(self) -> None:
        """What the guard and the filter of the first answer would otherwise wait for, some seconds, is loaded."""
        self.detector.identifier_values("warm@example.com")
        self.models.classifier.load()

    async def close_answerers(self) -> None:
        """No connection to a model is left open."""
        if "query_parts" in self.__dict__:  # as soon as anything was asked
            for answerer in {id(one): one for one in self.query_parts.answerers.values()}.values():
                await answerer.close()

    @cached_property
    def query_parts(self) -> QueryParts:
        extractive = ExtractiveAnswerer(self.models.packaged)
        return QueryParts(
            embedder=self.models.packaged,
            embedder_of=self.models.embedder_of,
            index=self.index,
            documents=self.store.documents,
            detector=self.detector,
            answerers=_answerers(self.settings, extractive),
            extractive=extractive,
            guard_policy=GuardPolicy(
                self.settings.max_question_chars,
                self.settings.block_injected_questions,
                self.detector,
                self.models.classifier,
            ),
            passages=self.settings.passages,
            budget=TokenBudget(self.settings.llm_context_tokens, self.settings.llm_answer_tokens),
        )


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The data folder's repositories, for what needs no index; works beside a running service."""
    folder = await open_folder(settings)
    database = folder.database()
    store = _store(settings, folder, database)
    try:
        yield store
    finally:
        await store.key_uses.close()
        await database.close()


@asynccontextmanager
async def open_service(settings: Settings, models: Models | None = None) -> AsyncIterator[Service]:
    """The service over a data folder that this process holds; the index has caught up with SQL.

    Raises ``FolderHeld`` where another process holds it.
    """
    async with open_store(settings) as store, owned(settings, store, models) as service:
        yield service


@asynccontextmanager
async def owned(settings: Settings, store: Store, models: Models | None = None) -> AsyncIterator[Service]:
    """The service over an open store, while this process holds its folder. Raises ``FolderHeld``."""
    with hold(store.folder):
        models = models or Models(settings)
        index = _index(settings, store.folder)
        follower = IndexFollower(store.epochs, store.versions, store.outbox, index)
        tokens = ServiceTokens(store.folder.vault.token_key(store.folder.id), store.folder.id, settings.token_s)
        service = Service(settings, store, models, index, follower, tokens, _provider(settings))
        try:
            for tenant in await store.tenants.all():
                await service.follower.start(tenant)
            yield service
        finally:
            await service.close_answerers()
            await index.close()


def _store(settings: Settings, folder: DataFolder, database: Database) -> Store:
    tenants, key_uses = Tenants(database, folder.vault), KeyUses(database)
    return Store(
        folder=folder,
        tenants=tenants,
        epochs=Epochs(database, folder.vault, tenants),
        groups=Groups(database),
        api_keys=ApiKeys(database, folder.vault, tenants, key_uses),
        key_uses=key_uses,
        nonces=Nonces(database, tenants),
        documents=Documents(database),
        versions=Versions(database),
        quarantine=Quarantine(database, review_own=settings.review_own),
        sketches=Sketches(database),
        revalidation=Revalidation(database),
        outbox=Outbox(database),
        uploads=Uploads(database, QueueLimits(settings.queue_jobs, settings.queue_mb * 2**20)),
        jobs=TenantJobs(database),
        queue=JobQueue(database),
        consistency=Consistency(database),
    )


def _provider(settings: Settings) -> IdentityProvider | None:
    if settings.oidc_issuer is None:
        return None
    from rag_service.adapters.oidc import load_oidc

    return load_oidc(settings)


def _index(settings: Settings, folder: DataFolder) -> ChunkIndex:
    if settings.qdrant_url is not None:
        return _server_index(settings, settings.qdrant_url, folder)
    if settings.index == "memory":
        from rag_service.adapters.memory_index import MemoryIndex

        return MemoryIndex()
    from rag_service.adapters.qdrant_edge import QdrantEdgeIndex

    return QdrantEdgeIndex(
        folder.index,
        max_open=settings.index_max_open,
        idle_s=settings.index_idle_s,
        optimize_after=settings.index_optimize_after,
    )


def _server_index(settings: Settings, url: str, folder: DataFolder) -> ChunkIndex:
    from rag_service.adapters.qdrant_server import QdrantServerIndex
    from rag_service.adapters.server_connection import ServerAddress, ServerConnection
    from rag_service.adapters.server_requests import CollectionLayout

    address = ServerAddress(
        url,
        api_key=settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None,
        ca_file=settings.qdrant_ca_file,
        allows_plain_http=settings.qdrant_plain_http,
    )
    layout = CollectionLayout(
        prefix=settings.qdrant_prefix or f"rag_{folder.id}_",
        shards=settings.qdrant_shards,
        replicas=settings.qdrant_replicas,
        writes_reach=settings.qdrant_write_consistency,
        read_consistency=settings.qdrant_read_consistency,
        is_on_disk=settings.qdrant_on_disk,
        is_quantized=settings.qdrant_quantized,
    )
    return QdrantServerIndex(ServerConnection(address.connect, timeout_s=settings.qdrant_timeout_s), layout)


def _answerers(settings: Settings, extractive: Answerer) -> Mapping[Tier, Answerer]:
    if settings.llm_base_url is None:
        return dict.fromkeys(Tier, extractive)
    if settings.llm_base_url == WORST_CASE:
        return dict.fromkeys(Tier, _worst_case())
    own = {
        Tier.FAST: settings.llm_model_fast,
        Tier.STANDARD: settings.llm_model_standard,
        Tier.PREMIUM: settings.llm_model_premium,
    }
    return {tier: _openai(settings, settings.llm_base_url, model or settings.llm_model) for tier, model in own.items()}


def _worst_case() -> Answerer:
    from rag_service.adapters.worst_case_answerer import WorstCaseAnswerer

    _log.warning("worst_case_model", detail="answers come from a model that attacks the service: for evaluation alone")
    return WorstCaseAnswerer()


def _openai(settings: Settings, base_url: str, model: str | None) -> Answerer:
    from rag_service.adapters.openai_answerer import ModelServer, OpenAIAnswerer

    server = ModelServer(
        base_url,
        api_key=settings.llm_api_key.get_secret_value() if settings.llm_api_key else None,
        answer_tokens=settings.llm_answer_tokens,
        total_s=settings.llm_timeout_s,
        connect_s=settings.llm_connect_s,
        first_token_s=settings.llm_first_token_s,
        stall_s=settings.llm_stall_s,
        allows_plain_http=settings.llm_plain_http,
    )
    return OpenAIAnswerer(server, model)
