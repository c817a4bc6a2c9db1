"""Uploads that are being received take a bounded part of the memory, and one tenant's leave room for another's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingestion.batch import Ingested
from ingestion.parse import parse
from ingestion.validate import validate
from rag_service.domain.document import Upload
from rag_service.domain.errors import Refused
from rag_service.domain.identity import Role
from rag_service.settings import load_settings
from rag_service.web.app import create_app
from rag_service.wiring import Models, open_service
from tests.conftest import Company

Run = Callable[[Any], Any]

HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\n# Ferry\n\nIt leaves at nine.\n'
END = b"\r\n--b--\r\n"
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


class Site:
    """An application over two tenants, with an uploader each."""

    def __init__(self, app: Any, keys: dict[str, str]) -> None:
        self._app = app
        self._keys = keys

    async def post(self, tenant: str, content: AsyncIterator[bytes] | bytes) -> httpx.Response:
        headers = {**FORM, "Authorization": f"Bearer {self._keys[tenant]}"}
        transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as web:
            return await web.post(f"/v1/tenants/{tenant}/documents", content=content, headers=headers)


async def site(service: Any) -> Site:
    keys = {}
    for name in ("acme", "bolt"):
        tenant = await service.store.tenants.create(name, "identifiers")
        keys[name] = (await service.store.api_keys.create(tenant, "ann", [Role.INGEST], None)).secret
    return Site(create_app(service), keys)


def test_a_tenant_that_sends_and_sends_leaves_room_for_another(run: Run, models: Models, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_service(load_settings(data_dir=tmp_path / "data", max_upload_mb=1), models) as service:
            both, go_on, begun = await site(service), asyncio.Event(), asyncio.Semaphore(0)

            async def held() -> AsyncIterator[bytes]:
                begun.release()
                yield HEAD
                await go_on.wait()
                yield END

            waiting = [asyncio.create_task(both.post("acme", held())) for _ in range(4)]
            for _ in waiting:
                await begun.acquire()
            async with asyncio.timeout(30):
                refused = await both.post("acme", held())
            assert refused.status_code == 429
            assert begun.locked()  # nothing of its body was read
            assert int(refused.headers["retry-after"]) > 0
            assert (await both.post("bolt", HEAD + END)).status_code == 202
            go_on.set()
            assert [response.status_code for response in await asyncio.gather(*waiting)] == [202] * 4
            assert (await both.post("acme", held())).status_code == 202

    run(scenario())


def test_a_document_that_would_take_the_models_for_hours_is_refused(run: Run, models: Models, tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = load_settings(data_dir=tmp_path / "data", document_passages=3)
        async with open_service(settings, models) as service:
            await service.store.tenants.create("acme", "identifiers")
            acme, line = Company(service, "acme"), "The ferry to Quillfjord leaves at nine. "
            outcomes = await acme.ingest(tmp_path, short_txt=line * 20, long_txt=line * 200)
            assert isinstance(outcomes["short.txt"].result, Ingested)
            refused = outcomes["long.txt"].result
            assert isinstance(refused, Refused)
            assert refused.reason == "too_many_passages"

    run(scenario())


def test_a_file_of_very_many_parts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.parse.MAX_ELEMENTS", 10)

    def parse_lines(count: int) -> None:
        parse(validate(Upload("a.txt", b"a\n\n" * count, "a"), max_bytes=2**20))

    parse_lines(10)
    with pytest.raises(Refused) as caught:
        parse_lines(11)
    assert caught.value.reason == "output_too_large"


def test_a_body_that_is_too_slow_gives_up_its_room(
    run: Run, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag_service.web.forms._PATIENCE_S", -19.5)  # 1.25 MiB at the slowest are 20 s

    async def scenario() -> None:
        async with open_service(load_settings(data_dir=tmp_path / "data", max_upload_mb=1), models) as service:
            both = await site(service)

            async def endless() -> AsyncIterator[bytes]:
                yield HEAD
                await asyncio.Event().wait()

            async with asyncio.timeout(30):
                refused = await asyncio.gather(*(both.post("acme", endless()) for _ in range(4)))
                assert {response.status_code for response in refused} == {422}
            monkeypatch.setattr("rag_service.web.forms._PATIENCE_S", 60.0)

            async def quick() -> AsyncIterator[bytes]:
                yield HEAD + END

            assert (await both.post("acme", quick())).status_code == 202

    run(scenario())
