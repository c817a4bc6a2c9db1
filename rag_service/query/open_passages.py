"""Open: from ids to passages. SQL demands the scope once more; what it refuses is not told apart from nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from rag_service.authentication import Caller
from rag_service.domain.answer import Flag, Passage
from rag_service.query.collapse import Collapse
from rag_service.query.relevance import label
from rag_service.query.retrieve import Ranked
from rag_service.store.documents import Documents
from rag_service.store.opened import OpenedChunk

_log = structlog.get_logger()
_OF_WHOLE_DOCUMENT = frozenset({"concealed_instruction", "instruction_in_title"})


@dataclass(frozen=True, slots=True)
class Opened:
    """Passages best first, no two saying the same, and flags for what did not pass its seal or signature."""

    passages: tuple[Passage, ...]
    flags: tuple[Flag, ...]


async def open_passages(
    ranked: Sequence[Ranked],
    caller: Caller,
    documents: Documents,
    *,
    limit: int,
    counts: Callable[[Passage], bool],
) -> Opened:
    """The best passages among ``ranked``, opened in batches until ``limit`` of them count.

    Those that do not count come along, so that what they are can be told. However many an attacker plants, they take
    no honest passage's place, and a copy of an honest passage with an order beside it does not stand for it.
    """
    passages: list[Passage] = []
    tampered: list[str] = []
    collapse = Collapse()
    batch = max(2 * limit, 20)
    counted = refused = 0
    for begin in range(0, len(ranked), batch):
        wanted = ranked[begin : begin + batch]
        opened = await documents.open_chunks(caller.scope, caller.tenant.keys, [one.point_id for one in wanted])
        tampered += opened.tampered
        refused += len(wanted) - len(opened.chunks) - len(opened.tampered)
        for one in wanted:
            chunk = opened.chunks.get(one.point_id)
            if chunk is None or counted == limit:
                continue
            passage = _passage(chunk, one, rank=len(passages) + 1)
            if not counts(passage):
                passages.append(passage)
            elif collapse.is_new(chunk.text):
                passages.append(passage)
                counted += 1
        if counted >= limit:
            break
    if refused > 0:
        _log.info("hits_refused_by_sql", tenant=caller.scope.tenant, refused=refused)
    flags = tuple(Flag("open", "broken_seal_or_signature", "dropped", document) for document in dict.fromkeys(tampered))
    return Opened(tuple(passages), flags)


def _passage(chunk: OpenedChunk, ranked: Ranked, rank: int) -> Passage:
    hidden = tuple(sorted(_OF_WHOLE_DOCUMENT & set(chunk.meta.concealments)))
    return Passage(
        document_id=chunk.meta.document_id,
        version=chunk.meta.version,
        chunk_id=chunk.chunk_id,
        title=chunk.meta.title,
        source=chunk.meta.source,
        page=chunk.page,
        section=chunk.section,
        start=chunk.start,
        end=chunk.end,
        text=chunk.text,
        suspicions=tuple(kind for kind in chunk.suspicions + hidden if kind not in chunk.meta.reviewed),
        score=ranked.score,
        cosine=ranked.cosine,
        relevance=label(ranked.cosine, rank),
        uploader=chunk.meta.ingested_by,
        ingested_at=chunk.meta.ingested_at,
        document_passages=chunk.meta.chunks,
        vector=chunk.vector,
    )
