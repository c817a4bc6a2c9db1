"""``rag doctor``: is everything as it should be?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from rag_service.commands.options import AsJson, DataDir, run, settings_for, show

if TYPE_CHECKING:
    from rag_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    detail: str


def doctor(
    repair: Annotated[bool, typer.Option(help="Rebuild the index of a tenant where it differs from SQL.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check the master key, the models, and that the index holds the same chunks as SQL, by their ids."""
    checks = run(as_json, lambda: _checks(settings_for(data_dir), repair))
    readable = "\n".join(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}" for check in checks)
    show(as_json, {"ok": all(check.ok for check in checks), "checks": [asdict(check) for check in checks]}, readable)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


async def _checks(settings: Settings, repair: bool) -> list[Check]:
    from rag_service.authentication import operate
    from rag_service.crypto.master_key import key_file_warnings
    from rag_service.wiring import open_service

    warnings = key_file_warnings(settings)
    checks = [
        Check("master key", not warnings, "; ".join(warnings) or "kept apart from the data, readable by you alone")
    ]
    async with open_service(settings) as service:
        checks.append(Check("embedding model", True, f"verified, {service.embedder.fingerprint}"))
        for tenant in await service.store.tenants.all():
            stored = await service.store.versions.chunk_ids(operate(tenant))
            indexed = await service.index.point_ids(tenant.keys.index.collection)
            differ = len(stored ^ indexed)
            detail = f"{len(stored)} chunks, {differ} of them not alike in SQL and index"
            if differ and repair:
                await service.store.outbox.request_rebuild(operate(tenant))
                await service.follower.catch_up(tenant.id)
                detail += "; rebuilt"
            checks.append(Check(f"index of {tenant.name}", not differ or repair, detail))
            same = tenant.embedding in (None, service.embedder.fingerprint)
            checks.append(
                Check(f"embedding of {tenant.name}", same, "as served" if same else "made with another model")
            )
    return checks
