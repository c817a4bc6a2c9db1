"""What is said of a tenant outlasts whatever else is said of it at the same time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rag_service.domain.errors import NotFound
from rag_service.domain.policy import AnswerPolicy
from rag_service.domain.scrubbing import Preset, ScrubPolicy
from tests.store.queued import queued, raises


def test_a_policy_for_answers_takes_no_scrubbing_back_that_was_set_meanwhile(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with queued(tmp_path) as q:
            as_it_was = await q.tenant("acme")
            await q.tenants.set_scrubbing(as_it_was, ScrubPolicy(Preset.STRICT))
            await q.tenants.set_policy(as_it_was, AnswerPolicy(max_answer_words=7))
            now = await q.tenants.set_scrubbing(as_it_was, ScrubPolicy(Preset.PERSONS))
            assert (now.scrubbing.preset, now.policy.max_answer_words) == (Preset.PERSONS, 7)
            await q.tenants.set_policy(as_it_was, AnswerPolicy())
            assert (await q.tenants.by_name("acme")).scrubbing.preset is Preset.PERSONS
            await q.tenants.delete(now)
            await raises(NotFound, q.tenants.set_scrubbing(now, ScrubPolicy()))

    asyncio.run(scenario())
