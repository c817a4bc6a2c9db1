"""``rag serve``: the REST service over one data folder."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from rag_service.commands.options import DataDir, fail, log_to_stderr, settings_for


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8000,
    data_dir: DataDir = None,
) -> None:
    """Serve queries over HTTP until stopped. This process owns the data folder's index meanwhile."""
    import asyncio

    import uvicorn

    from rag_service.domain.errors import RagError
    from rag_service.web.app import create_app
    from rag_service.wiring import open_service

    async def action() -> None:
        async with open_service(settings_for(data_dir)) as service:
            service.query_parts.embedder.embed(["ready"])
            warming = asyncio.create_task(asyncio.to_thread(service.load_detector))
            server = uvicorn.Server(uvicorn.Config(create_app(service), log_level="warning", access_log=False))
            typer.echo(
                f"Serving on http://{host}:{port} (interactive documentation: /docs). Stop with Ctrl-C.", err=True
            )
            await server.serve(sockets=[listening])
            await warming

    log_to_stderr()
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    try:
        asyncio.run(action())
    except RagError as error:
        fail(False, type(error).__name__, str(error))
    finally:
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; they wait until the service is ready. An address in use ends the command."""
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        fail(False, "AddressInUse", f"cannot listen on {host}:{port}: {error.strerror}. Choose another with --port.")
    # Connections inherit it. Else a response's second packet waits 40 ms for the acknowledgement of the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
