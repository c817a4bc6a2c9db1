"""What holds for every answer, also where something breaks that nobody foresaw."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from rag_service.commands.serve import _http_config
from rag_service.domain.identity import Role
from rag_service.request_signing import sign_request
from rag_service.web.app import create_app
from rag_service.web.outermost import Outermost
from tests.security.http import client
from tests.security.test_identity import new_key

Run = Callable[[Any], Any]
Open = Callable[..., Any]
STATEMENT = "INSERT INTO spool VALUES ('zebra')"


def test_no_answer_of_the_interface_may_be_stored(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            key = await new_key(acme, Role.QUERY, is_signed=True)
            path = "/v1/tenants/acme/documents"
            signed = sign_request("GET", f"http://service{path}", key_id=key.key_id, secret=key.secret)
            async with client(acme.service, None) as web:
                answers = [
                    await web.get(path, headers=signed),
                    await web.get(path),
                    await web.get("/v1/nothing"),
                    await web.post(f"{path}/x/access", content=b"x" * 2**19),
                ]
            assert [answer.status_code for answer in answers] == [200, 401, 404, 413]
            assert {answer.headers.get("cache-control") for answer in answers} == {"no-store"}

    run(scenario())


def test_the_whole_application_is_within_the_layer_that_catches(
    run: Run, open_companies: Open, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):

            async def breaks(*_args: object) -> None:
                raise ZeroDivisionError(STATEMENT)

            key = await new_key(acme)
            monkeypatch.setattr(acme.service.store.api_keys, "verify", breaks)
            transport = httpx.ASGITransport(app=create_app(acme.service), raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as web:
                answer = await web.get("/v1/tenants/acme/documents", headers={"Authorization": f"Bearer {key.secret}"})
            assert (answer.status_code, answer.headers["cache-control"]) == (500, "no-store")
            assert answer.json()["type"] == "urn:rag-service:problem:internal-error"

    run(scenario())
    told = "".join(capsys.readouterr())
    assert "ZeroDivisionError" in told
    assert "zebra" not in told


def test_the_server_logs_nothing_of_what_a_defect_says(
    run: Run, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    app = FastAPI()
    app.add_middleware(Outermost)

    @app.get("/v1/early")
    async def early() -> None:
        raise RuntimeError(STATEMENT)

    @app.get("/v1/late")
    async def late() -> StreamingResponse:
        async def parts() -> Any:
            yield "some"
            raise RuntimeError(STATEMENT)

        return StreamingResponse(parts())

    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = uvicorn.Server(_http_config(app))
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}") as web:
                assert (await web.get("/v1/early")).status_code == 500
                with pytest.raises(httpx.RemoteProtocolError):
                    await web.get("/v1/late")
            server.should_exit = True
            await serving

    with caplog.at_level(logging.INFO):
        run(scenario())
    told = "".join(capfd.readouterr()) + caplog.text
    assert told.count("RuntimeError") == 2
    assert "zebra" not in told
