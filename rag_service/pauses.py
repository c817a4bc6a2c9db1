"""How long to wait before looking again at what changes seldom."""

from __future__ import annotations

_SHORTEST_S = 0.1
_LONGEST_S = 0.5
_GROWTH = 1.1


class Pauses:
    """Short while something happens; a little longer each time nothing did, so that who waits costs next to nothing.

    >>> pauses = Pauses()
    >>> pauses.next_s(), round(pauses.next_s(), 2), [pauses.next_s() for _ in range(20)][-1]
    (0.1, 0.11, 0.5)
    >>> pauses.begin_anew()
    >>> pauses.next_s()
    0.1
    """

    def __init__(self) -> None:
        self._next_s = _SHORTEST_S

    def begin_anew(self) -> None:
        """Something happened, and more is likely to."""
        self._next_s = _SHORTEST_S

    def next_s(self) -> float:
        """The pause to make now."""
        pause, self._next_s = self._next_s, min(self._next_s * _GROWTH, _LONGEST_S)
        return pause
