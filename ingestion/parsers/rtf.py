"""Rich Text Format: paragraphs, headings, lists and tables; hidden, deleted and unreadably small text is concealed.

``unstructured`` would hand it to pandoc, a program that is not ours to require.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ingestion.parsers.extract import Extract, Outline, one_line, tidy
from ingestion.parsers.plain import begins_as_item, without_bullet
from ingestion.parsers.rtf_tables import Tables
from ingestion.parsers.rtf_tokens import Control, Group, Text, Token, tokens
from ingestion.parsers.stated import worth_screening
from ingestion.parsers.tables import table_text
from ingestion.parsers.word import own_title
from rag_service.domain.document import BlockKind, Element

_SKIPPED = frozenset(
    """pict object objdata themedata colorschememapping datastore latentstyles listtable listoverridetable rsidtbl
    generator xmlnstbl fldinst bkmkstart bkmkend filetbl revtbl pgptbl userprops docvar mmathPr operator
    hlinkbase creatim revtim printim buptim nonshppict sp
    panose falt fontemb xe tc rxe atnid atnauthor atnref atndate background ftnsep ftnsepc aftnsep aftnsepc""".split()
)
_ASIDE = frozenset({"footnote", "shptxt"})
_MARGINS = frozenset({"header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf"})
_STATED = frozenset("author company manager category keywords comment doccomm subject".split())
_SIGNS = {
    "tab": "\t", "line": "\n", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•",
    "endash": "–", "emdash": "—", "emspace": " ", "enspace": " ", "qmspace": " ", "~": "\xa0", "_": "-",
}  # fmt: skip
_MOST_DEPTH = 5000
"""Groups in groups; what lies deeper is left out, as Word does."""


@dataclass(frozen=True, slots=True)
class _State:
    """What holds until the group ends."""

    where: str = "body"
    hidden: bool = False
    small: bool = False
    white: bool = False
    ground: bool = False
    font: int | None = None
    unicode_skip: int = 1


@dataclass
class _Paragraph:
    ended: list[str] = field(default_factory=list)
    """The paragraphs before this one in its cell."""
    texts: list[str] = field(default_factory=list)
    level: int | None = None
    is_item: bool = False
    in_table: bool = False


class _Reader:
    def __init__(self) -> None:
        self.elements: list[Element] = []
        self.concealed: list[str] = []
        self._title: list[str] = []
        self._state = _State()
        self._stack: list[_State] = []
        self._paragraph = _Paragraph()
        self._aside: list[str] = []
        self._stated: list[list[str]] = []
        self._margins: dict[str, None] = {}
        self._hidden: list[str] = []
        self._rows: list[list[str]] = []
        self._cells: list[str] = []
        self._header_rows = 0
        self._is_header = False
        self._page = 1
        self._outline = Outline()
        self._tables = Tables()
        self._starred = False
        self._skip = 0

    def read(self, content: bytes) -> Extract:
        for token in tokens(content):
            self._take(token)
        self._end_paragraph()
        if self._paragraph.ended:  # a cell that nothing ends
            self._cells.append(one_line("".join(self._paragraph.ended)))
        self._end_table()
        if self._page == 1:
            self.elements = [replace(element, page=None) for element in self.elements]
        self.elements += [Element(text) for text in self._margins]
        first = next((element.text for element in self.elements if element.kind is BlockKind.TITLE), None)
        concealed = (*self.concealed, *worth_screening(_paired("".join(one)) for one in self._stated))
        return Extract(tuple(self.elements), concealed, own_title(_paired("".join(self._title))) or first)

    def _take(self, token: Token) -> None:
        if isinstance(token, Group):
            self._skip = 0
            self._open() if token.opens else self._close()
        elif isinstance(token, Text):
            self._text(self._tables.decoded(token, self._state.font))
        elif token.name == "*":
            self._starred = True
            return
        else:
            self._control(token)
        self._starred = False

    def _open(self) -> None:
        self._stack.append(self._state)
        if len(self._stack) > _MOST_DEPTH and self._state.where != "skipped":
            self._state = replace(self._state, where="skipped")

    def _close(self) -> None:
        if not self._stack:
            return
        left, self._state = self._state, self._stack.pop()
        if left.where == self._state.where:
            return
        if left.where in _ASIDE or left.where in _MARGINS or left.where == "annotation":
            text, self._aside = tidy("".join(self._aside)), []
            if left.where in _MARGINS and text:
                self._margins[text] = None
            elif left.where == "annotation":
                self._conceal(text)
            elif text:
                self._paragraph.texts.append(f"\n{text}\n")

    def _control(self, token: Control) -> None:
        name, number = token.name, token.number
        state, where = self._state, self._state.where
        if name == "u":
            self._text(chr(number % 65536) if number is not None else "", is_unicode=True)
        elif name in _SIGNS:
            self._text(_SIGNS[name])
        elif name == "uc":
            self._state = replace(state, unicode_skip=number if number is not None else 1)
        elif self._tables.control(where, name, number):
            pass
        elif name in ("fonttbl", "colortbl", "stylesheet", "title", "annotation", *_ASIDE, *_MARGINS):
            self._state = replace(state, where=name if where != "skipped" else where)
        elif name in _STATED and where != "skipped":
            self._stated.append([])
            self._state = replace(state, where="stated")
        elif name in ("listtext", "pntext"):
            self._paragraph.is_item = True
            self._state = replace(state, where="bullet")
        elif name in _SKIPPED or (name == "upr" and where != "skipped"):
            self._state = replace(state, where="skipped" if name != "upr" else "upr")
        elif name == "ud" and where == "upr":
            self._state = replace(state, where="body")
        elif self._starred and name not in ("shpinst", "fldrslt", "shppict"):
            self._state = replace(state, where="skipped")
        elif where in ("body", "bullet") or where in _ASIDE or where in _MARGINS:
            self._look(name, number)
            self._structure(name, number)

    def _look(self, name: str, number: int | None) -> None:
        """Formatting that decides whether text is seen."""
        state = self._state
        if name in ("v", "deleted"):
            self._state = replace(state, hidden=number != 0)
        elif name == "plain":
            self._state = replace(state, hidden=False, small=False, white=False, ground=False)
        elif name == "fs":
            self._state = replace(state, small=number is not None and number <= 2)
        elif name == "cf":
            self._state = replace(state, white=self._tables.is_white(number))
        elif name in ("cb", "highlight", "chcbpat"):
            self._state = replace(state, ground=bool(number) and not self._tables.is_white(number))
        elif name == "f":
            self._state = replace(state, font=number)

    def _structure(self, name: str, number: int | None) -> None:
        in_body = self._state.where in ("body", "bullet")
        if name in ("par", "sect", "page", "softpage") and not in_body:
            self._aside.append("\n")
        elif name in ("par", "sect"):
            self._end_paragraph()
        elif name == "page":
            self._end_paragraph()
            self._page += 1
        elif name == "pard" and in_body:
            self._paragraph = _Paragraph(self._paragraph.ended, self._paragraph.texts)
        elif name == "intbl":
            self._paragraph.in_table = True
        elif name == "outlinelevel" and number is not None:
            self._paragraph.level = number + 1 if 0 <= number <= 8 else None
        elif name == "s" and number is not None and (level := self._tables.heading_level(number)):
            self._paragraph.level = level
        elif name in ("cell", "nestcell"):
            self._cells.append(one_line("".join((*self._paragraph.ended, *self._paragraph.texts))))
            self._reveal()
            self._paragraph = _Paragraph(in_table=True)
        elif name == "trhdr":
            self._is_header = True
        elif name == "trowd":
            self._is_header = False
        elif name in ("row", "nestrow"):
            self._rows.append(self._cells)
            self._header_rows += self._is_header and self._header_rows == len(self._rows) - 1
            self._cells = []

    def _text(self, text: str, *, is_unicode: bool = False) -> None:
        if is_unicode:
            self._skip = self._state.unicode_skip
        elif self._skip:
            taken = min(self._skip, len(text))
            self._skip -= taken
            text = text[taken:]
        where = self._state.where
        if where in ("fonttbl", "colortbl", "stylesheet"):
            self._tables.text(where, text)
        elif where == "title":
            self._title.append(text)
        elif where == "stated":
            self._stated[-1].append(text)
        elif where in _ASIDE or where in _MARGINS or where == "annotation":
            (self._hidden if self._is_unseen() else self._aside).append(text)
        elif where == "bullet":
            self._paragraph.texts.append(text if any(map(str.isalnum, text)) else " ")
        elif where == "body" and text:
            (self._hidden if self._is_unseen() else self._paragraph.texts).append(text)

    def _is_unseen(self) -> bool:
        state = self._state
        return state.hidden or state.small or (state.white and not state.ground and not self._paragraph.in_table)

    def _end_paragraph(self) -> None:
        paragraph, ended = self._paragraph, self._paragraph.ended
        held = paragraph.texts if paragraph.in_table else [*ended, *paragraph.texts]
        self._paragraph = replace(paragraph, ended=ended if paragraph.in_table else [], texts=[], is_item=False)
        text = tidy(_paired("".join(held)))
        self._reveal()
        if paragraph.in_table:
            if text:  # a cell of several paragraphs
                ended.append(f"{text} ")
            return
        self._end_table()
        if not text:
            return
        if paragraph.level is not None and len(text) < 300:
            self._outline.enter(paragraph.level, text)
            self._add(one_line(text), BlockKind.TITLE)
        else:
            text = text.replace("\t", " ")
            is_item = paragraph.is_item or begins_as_item(text)
            self._add(
                without_bullet(text.lstrip()) if is_item else text, BlockKind.LIST_ITEM if is_item else BlockKind.TEXT
            )

    def _end_table(self) -> None:
        if self._cells:
            self._rows.append(self._cells)
        if self._rows:
            self._add(table_text(self._rows, header_rows=self._header_rows or None), BlockKind.TABLE)
        self._rows, self._cells, self._header_rows = [], [], 0

    def _add(self, text: str, kind: BlockKind) -> None:
        if text:
            self.elements.append(Element(_paired(text), kind, self._page, self._outline.path))

    def _reveal(self) -> None:
        """What the paragraph hides is told apart from it."""
        text, self._hidden = "".join(self._hidden), []
        self._conceal(text)

    def _conceal(self, text: str) -> None:
        if any(map(str.isalpha, text)):
            self.concealed.append(one_line(_paired(text)))


def parse_rtf(content: bytes) -> Extract:
    """The visible text of an RTF file."""
    return _Reader().read(content)


def _paired(text: str) -> str:
    """Characters beyond the first plane stand in RTF as two halves."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
