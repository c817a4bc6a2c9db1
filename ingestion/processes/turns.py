"""Whose turn it is: requests in the order in which they came, each to the child that it costs least to give it to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Write = Callable[[], tuple[bytes, bytes]]
"""Makes the body and the blob of a request; called by the thread that sends it."""

Read = Callable[[bytes, bytes], T]
"""Makes the result from the body and the blob of an answer, or raises ``Malformed``; called by the same thread."""


@dataclass(eq=False)
class Job:
    """A request that stands in line. ``realm`` is the tenant whose it is, None where that does not matter."""

    stage: str
    write: Write
    read: Read[Any]
    realm: str | None = None
    future: Future[Any] = field(default_factory=Future)
    asked: float = field(default_factory=time.monotonic)


class Child(Protocol):
    """What is asked about a child here."""

    realm: str | None
    last_asked: float


def may_serve(child: Child, realm: str | None) -> bool:
    """Whether the child has met documents of this tenant only, or none."""
    return realm is None or child.realm in (None, realm)


def is_best(child: Child | None, realm: str | None, others: Iterable[Child | None]) -> bool:
    """Whether none of the other idle children is a better one for this request.

    A child of this tenant goes on; else a new one begins; else the one makes way that has been idle longest.
    """
    own = _cost(child, realm)
    return not any(_cost(other, realm) < own for other in others)


def _cost(child: Child | None, realm: str | None) -> tuple[int, float]:
    if child is None:
        return 2, 0.0
    if realm is not None and child.realm == realm:
        return 0, 0.0
    return (1, 0.0) if child.realm is None or realm is None else (3, child.last_asked)
