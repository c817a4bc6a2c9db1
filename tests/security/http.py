"""A client of the real application, in process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from rag_service.throttle import Throttle
from rag_service.web.app import create_app
from rag_service.wiring import Service


@asynccontextmanager
async def client(
    service: Service, key: str | None, *, address: str = "127.0.0.1", free_failures: int | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the application with this credential, or with none, over a connection from this address.

    ``free_failures`` stand for those of the settings, where nobody is to be made to wait.
    """
    app = create_app(service)
    if free_failures is not None:
        app.state.throttle = Throttle(free_failures)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as opened:
        yield opened


async def ask(web: httpx.AsyncClient, tenant: str, question: str, route: str = "query", **more: Any) -> httpx.Response:
    return await web.post(f"/v1/tenants/{tenant}/{route}", json={"question": question, **more})
