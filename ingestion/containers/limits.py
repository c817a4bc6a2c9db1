"""How much one upload may expand to, however its members lie in each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rag_service.domain.errors import Refused

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """What holds for one upload as a whole; ``member`` for each file in it.

    ``depth`` is how many containers may lie in each other. Below ``small`` bytes the ratio does not matter.
    """

    depth: int = 4
    members: int = 2000
    expanded: int = 256 * _MIB
    member: int = 64 * _MIB
    ratio: int = 200
    small: int = 4 * _MIB


class Overrun(Refused):
    """The upload as a whole breaks a limit: nothing of it is taken."""


class Budget:
    """What is left for the rest of an upload of so many bytes."""

    def __init__(self, limits: UnpackLimits, packed: int) -> None:
        self.limits = limits
        self._members = 0
        self._expanded = 0
        self._most = min(limits.expanded, max(packed * limits.ratio, limits.small))

    def count(self) -> None:
        """There is one more member. Raises ``Overrun``."""
        self.expect(0, members=1)
        self._members += 1

    def expect(self, size: int, members: int = 0) -> None:
        """So much is announced. Raises ``Overrun`` before any of it is expanded."""
        if self._members + members > self.limits.members:
            raise Overrun("too_many_members", f"There are more than {self.limits.members} files in it; split it up.")
        if self._expanded + size > self._most:
            raise _bomb(self._most)

    def take(self, size: int) -> None:
        """So many bytes came out of something packed. Raises ``Overrun``."""
        self.expect(size)
        self._expanded += size

    def gather(self, pieces: Iterable[bytes]) -> bytes:
        """What comes out, in one piece. Raises ``Overrun`` as soon as it is too much."""
        parts = []
        for piece in pieces:
            self.take(len(piece))
            parts.append(piece)
        return b"".join(parts)


def too_large(limits: UnpackLimits) -> Refused:
    return Refused("too_large", f"The file has more than {limits.member // _MIB} MiB.")


def _bomb(most: int) -> Overrun:
    return Overrun("archive_bomb", f"It expands to more than {most // _MIB} MiB, all that is in it taken together.")
