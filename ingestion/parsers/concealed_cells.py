"""What the cells of a workbook keep from its reader: letters of the ground's colour, specks, formats that show nothing.

Told from the styles that cells name. What a condition paints is not known: it is read as what is seen.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import Any

from ingestion.parsers.extract import one_line
from ingestion.parsers.safe_xml import read_xml

STATED = ("subject", "keywords", "description", "category", "creator", "lastModifiedBy")
"""What a workbook calls its properties."""
_TINY = 2.0
"""Points."""
_SAME = 16
"""Steps of 255 by which two colours differ at most if no reader can tell them apart."""
_WHITE = (255, 255, 255)
_LIGHT_THEME, _DARK_THEME, _AUTOMATIC, _WHITE_INDICES = 0, 1, 64, frozenset({1, 9})
_FORMAT_PART = re.compile(r'"[^"]{0,200}"|\\.|_.|\*.|\[[^\]]{0,40}\]')
"""What of a number format draws no value: its own letters, blanks, fillings, colours."""
_MOST_COMMENTS = 10_000
_COMMENTS = re.compile(r"\Axl/(?:comments\w{0,20}|comments/[\w-]{1,40}|threadedComments/[\w-]{1,40})\.xml\Z")
Colour = tuple[int, int, int]


class CellLooks:
    """Whether cells show what they hold, asked once for each style of a workbook."""

    def __init__(self) -> None:
        self._hidden: dict[int, bool] = {}

    def hides(self, cell: Any) -> bool:
        """Whether nobody sees the cell's value on the sheet."""
        style = getattr(cell, "_style_id", None)
        if not style:  # that of cells that have none
            return False
        if style not in self._hidden:
            self._hidden[style] = _shows_nothing(cell.number_format or "") or _is_unseen(cell.font, cell.fill)
        return self._hidden[style]


def _shows_nothing(number_format: str) -> bool:
    """Whether the format draws nothing in place of a text.

    >>> [_shows_nothing(one) for one in (";;;", '0;-0;0;""', "General;;;@", "0.00", ";;")]
    [True, True, False, False, False]
    """
    sections = _FORMAT_PART.sub("", number_format).split(";")
    return len(sections) > 3 and not sections[3].strip()


def _is_unseen(font: Any, fill: Any) -> bool:
    if font is None:
        return False
    if font.sz is not None and 0 < float(font.sz) <= _TINY:
        return True
    ink = _colour(font.color)
    ground: Colour | None = _WHITE
    if fill is not None and fill.fill_type == "solid":
        ground = _colour(fill.fgColor)
    elif fill is not None and fill.fill_type is not None:
        return False
    if ink is None or ground is None:
        return False
    return all(abs(one - other) <= _SAME for one, other in zip(ink, ground, strict=True))


def _colour(stated: Any) -> Colour | None:
    """Red, green and blue; ``None`` where that is the theme's or the program's to say."""
    if stated is None:
        return None
    if stated.type == "theme":
        if stated.theme not in (_LIGHT_THEME, _DARK_THEME) or abs(stated.tint or 0.0) > _SAME / 255:
            return None
        return _WHITE if stated.theme == _LIGHT_THEME else (0, 0, 0)
    if stated.type == "indexed":
        return _WHITE if stated.indexed in _WHITE_INDICES else None
    value = str(stated.rgb or "")
    try:
        return (parts[0], parts[1], parts[2]) if len(parts := bytes.fromhex(value[-6:])) == 3 else None
    except ValueError:
        return None


def comments(archive: zipfile.ZipFile) -> Iterator[str]:
    """What is noted at the cells, in any of the forms that programs write."""
    from lxml import etree

    left = _MOST_COMMENTS
    for name in filter(_COMMENTS.match, archive.namelist()):
        try:
            root = read_xml(archive.read(name))
        except etree.XMLSyntaxError:  # a part that programs leave alone, too
            continue
        for node in root.iter():
            tag = node.tag if isinstance(node.tag, str) else ""
            if tag.endswith(("}comment", "}threadedComment")) and left:
                left -= 1
                if text := one_line(" ".join(node.itertext())):
                    yield text
