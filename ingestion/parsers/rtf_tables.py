"""What RTF says at its head: encodings of fonts, colours, and which styles are headings."""

from __future__ import annotations

import re

from ingestion.parsers.rtf_tokens import Text

_CHARSETS = {
    77: "mac-roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "cp950", 161: "cp1253",
    162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874",
    238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
_FAMILIES = {"ansi": "cp1252", "mac": "mac-roman", "pc": "cp437", "pca": "cp850"}
_HEADING = re.compile(r"\s*heading (\d)\b", re.IGNORECASE)
_PAGES = {10000: "mac-roman", 65001: "utf-8", 936: "gb18030", 708: "iso8859-6"}


class Tables:
    """The head of an RTF file, as far as it has been read."""

    def __init__(self) -> None:
        self._encoding = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font: int | None = None
        self._color = [0, 0, 0]
        self._is_stated = False
        self._colors: list[tuple[int, ...] | None] = []
        self._style: int | None = None
        self._style_level: int | None = None
        self._headings: dict[int, int] = {}

    def control(self, where: str, name: str, number: int | None) -> bool:
        """Whether a control word was one of the head's."""
        if name in _FAMILIES:
            self._encoding = _FAMILIES[name]
        elif name == "ansicpg" and number is not None:
            self._encoding = _PAGES.get(number, f"cp{number}")
        elif where == "fonttbl" and name == "f":
            self._font = number
        elif where == "fonttbl" and name == "fcharset" and self._font is not None and number in _CHARSETS:
            self._fonts[self._font] = _CHARSETS[number]
        elif where == "colortbl" and name in ("red", "green", "blue"):
            self._color[("red", "green", "blue").index(name)] = number or 0
            self._is_stated = True
        elif where == "stylesheet" and name == "s":
            self._style, self._style_level = number, None
        elif where == "stylesheet" and name == "outlinelevel" and number is not None and 0 <= number <= 8:
            self._style_level = number + 1
        else:
            return False
        return True

    def text(self, where: str, text: str) -> None:
        """Text within a table of the head: a semicolon ends each entry."""
        if where == "colortbl":
            for _ in range(text.count(";")):
                self._colors.append(tuple(self._color) if self._is_stated else None)
                self._color, self._is_stated = [0, 0, 0], False
        elif where == "stylesheet" and self._style is not None:
            named = _HEADING.match(text)
            if level := int(named.group(1)) if named else self._style_level:
                self._headings[self._style] = level

    def decoded(self, text: Text, font: int | None) -> str:
        """Bytes as text, in the encoding of the font if it has one. What fits nowhere shows as a mark."""
        encoding = self._fonts.get(font, self._encoding) if font is not None else self._encoding
        try:
            return text.content.decode(encoding, "replace")
        except LookupError:
            return text.content.decode("cp1252", "replace")

    def heading_level(self, style: int) -> int | None:
        return self._headings.get(style)

    def is_white(self, color: int | None) -> bool:
        return color is not None and 0 < color < len(self._colors) and self._colors[color] == (255, 255, 255)
