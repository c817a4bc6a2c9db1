"""What every parser returns, and the heading path that they keep while they read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag_service.domain.document import Element

MAX_SECTION = 160
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Extract:
    """A file's visible elements in reading order, what it hides, and what it calls itself, if it does.

    ``disguised`` is what it shows so that nobody sees it.
    """

    elements: tuple[Element, ...]
    concealed: tuple[str, ...] = ()
    title: str | None = None
    disguised: tuple[str, ...] = ()


class Outline:
    """The headings that enclose the place where a parser is.

    >>> outline = Outline()
    >>> outline.enter(1, "Leave"), outline.enter(2, "Carry over"), outline.enter(2, "Sick leave")
    ('Leave', 'Leave > Carry over', 'Leave > Sick leave')
    """

    def __init__(self) -> None:
        self._headings: list[tuple[int, str]] = []

    def enter(self, level: int, heading: str) -> str | None:
        """The path after a heading of ``level`` (1 is the highest); it closes those of its level and below."""
        self.leave(level)
        self._headings.append((level, one_line(heading)[: MAX_SECTION + 1]))  # a longer one is cut in every path
        return self.path

    def leave(self, level: int) -> None:
        """Headings of ``level`` and below no longer enclose what follows."""
        while self._headings and self._headings[-1][0] >= level:
            self._headings.pop()

    @property
    def path(self) -> str | None:
        """The headings from the outermost in; the outer ones give way when it grows long."""
        parts = [heading for _, heading in self._headings]
        while len(parts) > 1 and len(" > ".join(parts)) > MAX_SECTION:
            del parts[0]
        return " > ".join(parts)[:MAX_SECTION].strip() or None


def one_line(text: str) -> str:
    """``text`` with every run of white space as one space."""
    return _SPACES.sub(" ", text).strip()


def tidy(text: str) -> str:
    """``text`` with tidy line ends and no white space at line ends, so that lines and offsets mean one thing."""
    text = (
        text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0b", "\n").replace("\x0c", "\n").replace("\x00", "")
    )
    return "\n".join(line.rstrip() for line in text.split("\n")).strip()
