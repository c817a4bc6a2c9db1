"""``rag serve``: the REST service over one data folder."""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from enum import StrEnum
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Annotated

import typer

from rag_service.commands.options import DataDir, fail, log_to_stderr, settings_for

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from rag_service.settings import Settings


class Part(StrEnum):
    """What one process does of the service."""

    ALL = "all"
    API = "api"
    WORKER = "worker"


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8000,
    role: Annotated[
        Part,
        typer.Option(help="`api` answers and owns the index, `worker` ingests what was uploaded, `all` does both."),
    ] = Part.ALL,
    parent: Annotated[int | None, typer.Option(hidden=True, help="End when this process does.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Serve over HTTP until stopped, and ingest what is uploaded. This process owns the data folder's index meanwhile.

    Documents are ingested in processes of their own. With `--role api` they wait until somebody runs `rag serve --role
    worker` or `rag ingest` over the same folder.
    """
    import asyncio

    from rag_service.domain.errors import RagError

    log_to_stderr(all_events=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump of this process would hold keys
    try:
        settings = settings_for(data_dir)
        if role is Part.WORKER:
            _load_worker()(settings, parent)
        else:
            # Uvicorn raises the signal that ended it again: left alone, that would end us with nothing closed.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            with _listen(host, port) as listening:
                asyncio.run(_serve_api(settings, listening, host, with_worker=role is Part.ALL))
    except RagError as error:
        fail(False, type(error).__name__, str(error))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _serve_api(settings: Settings, listening: socket.socket, host: str, *, with_worker: bool) -> None:
    import asyncio

    import uvicorn

    from rag_service.owner.socket import owner_socket
    from rag_service.supervise import worker_process
    from rag_service.upkeep import upkeep
    from rag_service.web.app import create_app
    from rag_service.wiring import open_service

    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(open_service(settings))
        service.query_parts.embedder.embed(["ready"])
        service.embedder.embed(["ready"])
        await stack.enter_async_context(upkeep(service))
        await stack.enter_async_context(owner_socket(service))
        if with_worker:
            await stack.enter_async_context(worker_process(settings))
        warming = asyncio.create_task(asyncio.to_thread(service.load_detector))
        server = uvicorn.Server(_http_config(create_app(service)))
        port = listening.getsockname()[1]
        typer.echo(f"Serving on http://{host}:{port} (interactive documentation: /docs). Stop with Ctrl-C.", err=True)
        await server.serve(sockets=[listening])
        await warming


def _http_config(app: FastAPI) -> uvicorn.Config:
    """How HTTP is served. Proxies are believed as the settings say; Uvicorn itself would believe any local process."""
    import uvicorn

    return uvicorn.Config(app, log_level="warning", access_log=False, proxy_headers=False)


def _load_worker() -> Callable[[Settings, int | None], None]:
    """The worker of the installed ingestion package, which this package must not import."""
    from rag_service.domain.errors import InvalidSetting

    for entry in entry_points(group="rag_service.worker"):
        run_worker: Callable[[Settings, int | None], None] = entry.load()
        return run_worker
    raise InvalidSetting("--role", "no installed package ingests documents")


def _listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; they wait until the service is ready. An address in use ends the command."""
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        # The error's own text repeats the address.
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        fail(False, "AddressInUse", f"cannot listen on {host}:{port}: {why}. Choose another with --host or --port.")
    # Connections inherit it. Else a response's second packet waits 40 ms for the acknowledgement of the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
