"""What the doctor says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Watch = Callable[[str, int, int], None]
"""Is told what is being looked at, how much of it was, and of how much."""


@dataclass(frozen=True, slots=True)
class Check:
    """``ok`` is true where nothing is wrong any more; ``repaired`` where something was. ``documents`` are concerned."""

    name: str
    ok: bool
    detail: str
    repaired: bool = False
    documents: tuple[str, ...] = ()
