"""How many cells and letters the tables of one file may have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rag_service.domain.errors import Refused

MAX_CELLS = 5_000_000
"""Of a file that packs nothing."""

MAX_LETTERS = 64 * 2**20
_CELLS, _PACKED = 250_000, 4
"""Cells of any workbook; a longer one may have one more for each four bytes."""


@dataclass
class Room:
    """What is left for the tables of a file."""

    cells: int
    letters: int = MAX_LETTERS

    def bounded(self, rows: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
        """The rows, as long as there is room. Raises ``Refused``."""
        most = self.cells
        for number, row in rows:
            self.cells -= len(row) + 1
            self.letters -= sum(map(len, row))
            if self.cells < 0:
                raise too_many_cells(most)
            if self.letters < 0:
                raise Refused("output_too_large", "The tables of the file hold more text than can be taken from one.")
            yield number, row


def bounded(rows: Iterable[list[str]], most: int = MAX_CELLS) -> Iterator[list[str]]:
    """The rows, as long as they have fewer cells than ``most``. Raises ``Refused``."""
    return (row for _, row in Room(most).bounded(enumerate(rows)))


def most_cells(content: bytes) -> int:
    """How many cells a packed file of this length may have."""
    return _CELLS + len(content) // _PACKED


def too_many_cells(most: int) -> Refused:
    return Refused("too_large", f"The tables of the file have more than {most} cells.")
