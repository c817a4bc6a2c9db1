"""Where a request comes from: what the connection shows, or what a proxy says that the operator trusts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fastapi import Request

from rag_service.networks import Address, Network, address_in, is_within
from rag_service.settings import Settings


def client_address(request: Request) -> Address | None:
    """The client's address; ``None`` where it cannot be known, which must open no door.

    Anybody may send ``X-Forwarded-For``, so it counts only on a connection that comes from one of
    ``RAG_TRUSTED_PROXIES``. The server's own reading of it is switched off where the service is started.
    """
    settings: Settings = request.app.state.service.settings
    peer = request.client.host if request.client else None
    return origin(peer, request.headers.getlist("x-forwarded-for"), settings.trusted_proxies)


def origin(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> Address | None:
    """The first address, walking from the peer towards the client, that is no trusted proxy.

    Each proxy adds whom it was connected to at the right-hand end, so everything to the left of the first address
    that is not ours is the client's own word. An entry that is no address ends the walk: what stands left of it was
    told by nobody we know. Where a trusted proxy names nobody else, the client is unknown: a proxy that was
    forgotten to be set up would else lend its own address to everybody.
    """
    try:
        connected = address_in(peer or "")
    except ValueError:
        return None  # a Unix socket, or a server that shows no peer
    if not is_within(connected, trusted):
        return connected
    for entry in _from_the_right(forwarded):
        try:
            named = address_in(entry)
        except ValueError:
            return None
        if not is_within(named, trusted):
            return named
    return None


def _from_the_right(headers: Sequence[str]) -> Iterable[str]:
    """Several headers are one list (RFC 9110, section 5.3)."""
    return (entry.strip(" \t") for entry in reversed(",".join(headers).split(","))) if headers else ()
