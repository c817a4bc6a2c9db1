"""The routes that an application really has, so that a new one is probed or complained of by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rag_service.domain.errors import RagError


class UnprobedRoute(RagError):
    """The application has routes that no probe knows, or probes are written for routes that it does not have."""


def routes_of(app: Any) -> list[str]:
    """Every route as ``METHOD /template``; a mounted application as ``MOUNT /path``.

    Raises ``UnprobedRoute`` for something that cannot be read as a route.
    """
    return sorted(set(_routes(app.routes)))


def _routes(found: Any) -> Iterator[str]:
    for route in found:
        if hasattr(route, "effective_candidates"):  # a router that was included
            yield from _routes(route.effective_candidates())
            continue
        route = getattr(route, "starlette_route", None) or route  # noqa: PLW2901  # what stands behind it
        path, methods = getattr(route, "path", None), getattr(route, "methods", None)
        if not isinstance(path, str):
            raise UnprobedRoute(f"the application holds a {type(route).__name__}, which cannot be probed")
        if methods is None:
            yield f"MOUNT {path}"
            continue
        for method in set(methods) - ({"HEAD"} if "GET" in methods else set()):  # tried with every path anyway
            yield f"{method} {path}"
