"""What came in an archive agrees with its archive at the moment at which it is stored."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import update

from rag_service.domain.errors import Conflict
from rag_service.store import tables
from rag_service.store.members import AsMember, settle
from tests.store.queued import queued


def test_what_waits_with_its_archive_is_judged_again_when_that_was_released_meanwhile(tmp_path: Path) -> None:
    """Else it would wait for a reviewer who has decided already."""

    async def scenario() -> None:
        async with queued(tmp_path) as q:
            acme = await q.tenant("acme")
            ids = [(await q.accept(acme, source)).document_id for source in ("a.zip", "memo.md")]
            for _ in ids:
                await q.store(acme, await q.claim())
            container, member = ids
            waits, of_its_own = AsMember(container, 1, waits=True), AsMember(container, 1)
            async with q.database.write(acme.id) as connection:
                with pytest.raises(Conflict, match="meanwhile"):
                    await settle(connection, acme.id, member, waits, is_held=True)
                await settle(connection, acme.id, member, of_its_own, is_held=True)
                this = (tables.documents.c.tenant_id == acme.id) & (tables.documents.c.id == container)
                await connection.execute(update(tables.documents).where(this).values(live_version=0))
                await settle(connection, acme.id, member, waits, is_held=True)
                with pytest.raises(Conflict, match="meanwhile"):
                    await settle(connection, acme.id, member, of_its_own, is_held=False)

    asyncio.run(scenario())
