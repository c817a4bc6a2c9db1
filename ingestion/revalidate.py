"""Stored documents meet the detectors of today: a sweep over what is live, one document at a time.

open → screen → judge → verdict → store

Stopped anywhere, it goes on where it was the next time: each document is done as a whole, and says what judged it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from ingestion.chunk import Suspicions
from ingestion.floods import FAR_FROM_OTHERS
from ingestion.outliers import with_outliers
from ingestion.screen import DETECTOR_VERSION
from ingestion.seal import screening_record
from ingestion.stages import Stages
from ingestion.verdict import is_of_today, verdict
from rag_service.authentication import operate
from rag_service.domain.document import Finding, MediaType, ScreenedDocument, ScrubbedDocument
from rag_service.domain.errors import IntegrityError, RagError, Refused, StageFailed
from rag_service.store.revalidation import LiveMeta, Outcome, Rejudged, Revalidation, StoredText
from rag_service.store.tenants import Tenant

_log = structlog.get_logger()
SWEEP_LOCK = "revalidation.lock"
"""Held by whoever sweeps: two at once would harm nothing, and do everything twice."""


@dataclass(slots=True)
class Sweep:
    """What a sweep over a tenant's documents did. ``failed`` could not be judged, and are tried the next time."""

    tenant: str
    looked_at: int = 0
    judged: int = 0
    changed: int = 0
    quarantined: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


async def revalidate(
    tenant: Tenant,
    stored: Revalidation,
    stages: Stages,
    *,
    holds: bool = True,
    everything: bool = False,
    watch: Callable[[Sweep], None] = lambda _: None,
) -> Sweep:
    """Every live document that other detectors judged was judged by those of today; with ``everything``, each.

    Where nothing ``holds``, suspicious passages are marked anew, and every document stays live.
    """
    sweep = Sweep(tenant.name)
    async for live in _live(tenant, stored):
        sweep.looked_at += 1
        if everything or is_outdated(live.told):
            await _judge_anew(tenant, stored, stages, live, sweep, holds=holds)
        watch(sweep)
    return sweep


def is_outdated(told: dict[str, Any]) -> bool:
    """Whether others than today's detectors, or another rule, judged the version with these metadata."""
    judged_by = str((told.get("verdict") or {}).get("detector_version", ""))
    return told["detector_version"] != DETECTOR_VERSION or not is_of_today(judged_by)


async def _live(tenant: Tenant, stored: Revalidation) -> AsyncIterator[LiveMeta]:
    after: str | None = None
    while True:
        page, after = await stored.page(operate(tenant), tenant.keys, after)
        for live in page:
            yield live
        if after is None:
            return


async def _judge_anew(
    tenant: Tenant, stored: Revalidation, stages: Stages, live: LiveMeta, sweep: Sweep, *, holds: bool
) -> None:
    try:
        text = await stored.text(operate(tenant), live)
        if text is None:
            return
        judged = await stages.judge(await stages.screen(_as_scrubbed(live, text)))
        judged = with_outliers(judged, await stored.passages(operate(tenant), tenant.keys, live))
        outcome = await stored.store(operate(tenant), tenant.keys, live, _rejudged(live, text, judged, holds=holds))
    except RagError as error:
        if not isinstance(error, IntegrityError | Refused | StageFailed):
            raise  # it is not this document's alone
        _fail(live, sweep, error)
        return
    except Exception as error:  # noqa: BLE001  # what one document meets keeps none of those behind it from its judge
        _fail(live, sweep, error)
        return
    if outcome is Outcome.OVERTAKEN:
        return
    sweep.judged += 1
    sweep.changed += outcome is Outcome.CHANGED
    if outcome is Outcome.HELD:
        _log.warning("held_when_judged_anew", document=live.document_id)
        sweep.quarantined.append(live.document_id)


def _fail(live: LiveMeta, sweep: Sweep, error: Exception) -> None:
    _log.error("not_judged_anew", document=live.document_id, error=type(error).__name__)
    sweep.failed.append(live.document_id)


def _as_scrubbed(live: LiveMeta, stored: StoredText) -> ScrubbedDocument:
    """The document as it was screened before, but for its blocks, which no detector asks for."""
    told, screening = live.told, stored.screening
    return ScrubbedDocument(
        title=told["title"],
        media_type=MediaType(told["media_type"]),
        text=stored.text,
        blocks=(),
        concealed=tuple(screening.get("concealed", ())),
        disguised=tuple(screening.get("disguised", ())),
        removed=told["removed"],
        hiding=tuple(Finding(*one) for one in screening.get("hiding", ())),
    )


def _evidence(stored: StoredText) -> list[Finding]:
    return [Finding(*one) for one in stored.screening.get("evidence", ())]


def _rejudged(live: LiveMeta, stored: StoredText, judged: ScreenedDocument, *, holds: bool) -> Rejudged:
    """What was hidden is not known of documents that were stored before it was kept: what was said of it stays.

    So does what the document showed beside others when it came, which no sweep compares again.
    """
    kept = () if stored.screening else live.told["concealments"]
    beside_others = [one for one in _evidence(stored) if one.kind == FAR_FROM_OTHERS]
    judged = replace(
        judged,
        concealments=tuple(sorted({*judged.concealments, *kept})),
        evidence=(*judged.evidence, *beside_others),
    )
    decided = verdict(judged, None)
    return Rejudged(
        detector_version=judged.detector_version,
        verdict_version=decided.detector_version,
        reasons=decided.reasons if holds else (),
        kinds=[finding.kind for finding in judged.suspicions],
        concealments=judged.concealments,
        screening=screening_record(judged),
        touching=Suspicions(judged.suspicions).touching,
    )
