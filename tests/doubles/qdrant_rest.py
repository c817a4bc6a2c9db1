"""A TEST DOUBLE of the Qdrant server's wire format. It is no server: one process, no replicas, no consensus.

It speaks the REST subset that ``QdrantServerIndex`` uses, on the loopback interface, over Qdrant Edge, the server's
engine in process. So what it shows is that requests and answers fit on the wire, and what the adapter does when a
server fails. What only a real server can show is tested where ``RAG_TEST_QDRANT_URL`` names one.

    with qdrant_double(tmp_path) as url: ...
    with running_double(tmp_path) as double: double.fail("/points/query/batch", Fault.RESET)
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Body, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

from tests.doubles.edge_collections import EdgeCollections, Json, Missing, Taken
from tests.doubles.faults import Faulty, Scope, Traffic

Sent = Annotated[dict[str, Any], Body()]
LATE_S = 0.4
"""When a write that is not waited for is applied."""


@dataclass(kw_only=True)
class Double(Traffic):
    """A running double."""

    url: str
    collections: EdgeCollections
    version: str = "1.20.0"
    api_key: str | None = None

    def renew(self) -> None:
        """It is as if it had just been started, once the last request is through."""
        deadline = time.monotonic() + 10
        while self.under_way:
            assert time.monotonic() < deadline, "a request of an earlier test is still under way"
            time.sleep(0.005)
        with self.collections.lock:
            self.collections.clear()
        vars(self).update(vars(Double(url=self.url, collections=self.collections)))


def _application(double: Double) -> FastAPI:  # noqa: C901  # one route after another
    app, store = FastAPI(), double.collections

    @app.exception_handler(Missing)
    def missing(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse({"status": {"error": "Not found: Collection doesn't exist!"}}, 404)

    @app.exception_handler(Taken)
    def taken(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse({"status": {"error": "Wrong input: Collection already exists!"}}, 409)

    @app.exception_handler(ValueError)
    def refused(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"status": {"error": f"Bad request: {error}"}}, 400)

    def ok(result: Any) -> Json:
        return {"result": result, "status": "ok", "time": 0.001}

    def write(work: Callable[[], None], *, wait: bool) -> Json:
        def locked() -> None:
            with store.lock:
                work()

        if wait:
            locked()
        else:
            threading.Timer(LATE_S, locked).start()
        return ok({"operation_id": 1, "status": "completed" if wait else "acknowledged"})

    @app.get("/")
    def version() -> Json:
        return {"title": "qdrant - vector search engine", "version": double.version, "commit": "double"}

    @app.get("/aliases")
    def aliases() -> Json:
        with store.lock:
            pairs = store.aliases.items()
            return ok({"aliases": [{"alias_name": alias, "collection_name": name} for alias, name in pairs]})

    @app.get("/collections")
    def collections() -> Json:
        with store.lock:
            return ok({"collections": [{"name": name} for name in store.names()]})

    @app.post("/collections/aliases")
    def change_aliases(body: Sent) -> Json:
        with store.lock:
            store.change_aliases(body["actions"])
            return ok(True)

    @app.get("/collections/{name}/exists")
    def exists(name: str) -> Json:
        with store.lock:
            return ok({"exists": store.has(name)})

    @app.put("/collections/{name}")
    def create(name: str, body: Sent) -> Json:
        with store.lock:
            store.create(name, body)
            return ok(True)

    @app.delete("/collections/{name}")
    def drop(name: str) -> Json:
        with store.lock:
            return ok(store.drop(name))

    @app.put("/collections/{name}/index")
    def index(name: str, body: Sent, wait: bool = False) -> Json:
        assert body["field_schema"] == "keyword"
        return write(lambda: store.index(name, body["field_name"]), wait=wait)

    @app.put("/collections/{name}/points")
    def upsert(name: str, body: Sent, wait: bool = False) -> Json:
        if not store.has(name):
            raise Missing
        return write(lambda: store.upsert(name, body["points"]), wait=wait)

    @app.post("/collections/{name}/points/delete")
    def delete(name: str, body: Sent, wait: bool = False) -> Json:
        if not store.has(name):
            raise Missing
        return write(lambda: store.delete(name, body["points"]), wait=wait)

    @app.post("/collections/{name}/points")
    def retrieve(name: str, body: Sent) -> Json:
        with store.lock:
            return ok(store.retrieve(name, body["ids"]))

    @app.post("/collections/{name}/points/scroll")
    def scroll(name: str, body: Sent) -> Json:
        with store.lock:
            return ok(store.scroll(name, body))

    @app.post("/collections/{name}/points/query/batch")
    def query(name: str, body: Sent) -> Json:
        with store.lock:
            return ok(store.query(name, body["searches"]))

    @app.middleware("http")
    async def keyed(request: Request, following: Callable[[Request], Awaitable[Any]]) -> Any:
        if double.api_key is not None and request.headers.get("api-key") != double.api_key:
            return JSONResponse({"status": {"error": "Must provide an API key"}}, 401)
        return await following(request)

    @app.exception_handler(HTTPException)
    def unknown_route(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"status": {"error": error.detail}}, error.status_code)

    return app


@contextmanager
def running_double(folder: Path, *, certificate: Path | None = None, **options: Any) -> Iterator[Double]:
    """A double on a free loopback port, its files in a folder of its own under ``folder``.

    With a ``certificate`` (and its key, in one PEM file) it speaks TLS.
    """
    # The protocol by name: without it asyncio leaves Nagle's algorithm on, and each answer waits 40 ms for an ACK.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    address = f"{'https' if certificate else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
    double = Double(url=address, collections=EdgeCollections(folder / "double"), **options)

    def cut(scope: Scope) -> None:
        for connection in list(server.server_state.connections):
            if connection.scope is scope:
                connection.transport.abort()

    quiet = {"log_config": None, "access_log": False, "lifespan": "off", "proxy_headers": False, "http": "h11"}
    config = uvicorn.Config(
        Faulty(double, _application(double), cut), timeout_graceful_shutdown=1, ssl_certfile=certificate, **quiet
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run([listening]), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)

    try:
        yield double
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
        double.collections.clear()


@contextmanager
def qdrant_double(folder: Path) -> Iterator[str]:
    """The address of a double."""
    with running_double(folder) as double:
        yield double.url
