"""PDF: the text layer, page by page, as paragraphs; headings by the size of their letters."""

from __future__ import annotations

import io
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ingestion.parsers.concealed_pdf import letters_apart, notes_of
from ingestion.parsers.extract import Extract, Outline, one_line
from ingestion.parsers.lines import Line, paragraphs, without_running_lines
from ingestion.parsers.stated import worth_screening
from rag_service.domain.document import BlockKind, Element
from rag_service.domain.errors import Refused

_PDFIUM = threading.Lock()
"""PDFium keeps global state: one thread at a time may be in it."""

MAX_PAGES = 20_000
_LETTERS, _DRAWN_AGAIN = 5_000_000, 10
"""Letters on all pages of any PDF; one of more bytes may have ten more for each: pages may share what they draw."""
_NO_PAGES = (re.compile(rb"/Count\s{1,9}0\b"), re.compile(rb"/Kids\s{0,9}\[\s{0,9}\]"))
_LINE = re.compile("[^\r\n\ufffe\x02]+")
_HYPHENS = ("\ufffe", "\x02")
"""What PDFium writes in place of a hyphen at the end of a line and the line end."""

_STATED = ("Subject", "Keywords", "Author")
"""What a PDF states of itself beside its title."""
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd\ufffe\uffff]")
_LONGEST_HEADING = 160
_SENTENCE_WORDS = 8
_HEADING = 1.08
"""Letters larger than the body's by this factor make a heading."""


def parse_pdf(content: bytes) -> Extract:
    """The paragraphs of every page. Lines that repeat at the edge of most pages are left out.

    Raises:
        Refused: ``encrypted`` when a password is needed, ``too_large`` for too many pages, ``no_text_layer`` for
            pages that are pictures.
    """
    pages, title, apart = _read(content)
    if apart.pictures and not any(
        map(str.isalnum, (letter for page in pages for line in page for letter in line.text))
    ):
        raise Refused("no_text_layer", "The PDF holds pictures of pages and no text: run text recognition on it first.")
    pages = without_running_lines(pages)
    body = _body_size(pages)
    sizes = sorted({line.size for page in pages for line in page if line.size > body * _HEADING}, reverse=True)
    levels = {size: level for level, size in enumerate(sizes, start=1)}
    is_word = _vocabulary(pages)
    outline = Outline()
    elements: list[Element] = []
    for number, page in enumerate(pages, start=1):
        for text, size, is_item in paragraphs(page, is_word=is_word):
            if size in levels and _reads_as_heading(text):
                outline.enter(levels[size], text)
                elements.append(Element(one_line(text), BlockKind.TITLE, number, outline.path))
            else:
                kind = BlockKind.LIST_ITEM if is_item else BlockKind.TEXT
                elements.append(Element(text, kind, number, outline.path))
    first = next((element.text for element in elements if element.kind is BlockKind.TITLE), None)
    return Extract(tuple(elements), tuple(apart.concealed), title or first, tuple(apart.disguised))


@dataclass
class _Apart:
    """What a reader does not see: notes and metadata, and text that is there and cannot be seen."""

    concealed: list[str] = field(default_factory=list)
    disguised: list[str] = field(default_factory=list)
    pictures: int = 0
    """Pages without text on which something is drawn."""
    letters: int = 0
    """On all pages, those that nobody sees too."""


def _read(content: bytes) -> tuple[list[list[Line]], str | None, _Apart]:
    import pypdfium2

    with _PDFIUM:
        try:
            document = pypdfium2.PdfDocument(io.BytesIO(content))
        except pypdfium2.PdfiumError as error:
            # PDFium tells the reason of an earlier failure for some files: no password without an encryption.
            if "password" in str(error).lower() and b"Encrypt" in content:
                raise Refused("encrypted", "The PDF is protected by a password.") from None
            if all(sign.search(content) for sign in _NO_PAGES):
                raise Refused("no_text", "The PDF has no page.") from None
            raise
        try:
            if len(document) > MAX_PAGES:
                raise Refused("too_large", f"The PDF has more than {MAX_PAGES} pages.")
            title = one_line(document.get_metadata_value("Title"))
            apart = _Apart(list(worth_screening(document.get_metadata_value(key) for key in _STATED)))
            pages, room = [], _LETTERS + _DRAWN_AGAIN * len(content)
            for at in range(len(document)):
                pages.append(_page_lines(document, at, apart))
                if apart.letters > room:
                    raise Refused("too_large", "The PDF draws far more text than a file of its length needs.")
            if all(page is None for page in pages):
                raise Refused("malformed", "The PDF is damaged: none of its pages can be read.")
            return [page or [] for page in pages], title or None, apart
        finally:
            document.close()


def _page_lines(document: Any, at: int, apart: _Apart) -> list[Line] | None:
    """The lines of a page in the order of its text; None for one that cannot be read."""
    import pypdfium2

    try:
        page = document[at]
    except pypdfium2.PdfiumError:
        return None
    letters = page.get_textpage()
    try:
        split = letters_apart(page, letters)
        text = letters.get_text_range(errors="replace") if split is None else split.text
        if split is not None:
            apart.disguised += filter(None, [one_line(_UNREADABLE.sub("", split.disguised))])
            apart.concealed += filter(None, [one_line(_UNREADABLE.sub("", split.unseen))])
        apart.concealed += filter(None, map(one_line, notes_of(page)))
        apart.letters += (count := letters.count_chars())
        exact = len(text) == count  # else offsets into the text are none into the boxes
        lines: list[Line] = []
        for match in _LINE.finditer(text):
            stripped = _UNREADABLE.sub("", match.group()).strip()
            if not stripped:
                continue
            start = match.start() + len(match.group()) - len(match.group().lstrip())
            end = match.start() + len(match.group().rstrip())
            hyphenated = text[match.end() : match.end() + 1] in _HYPHENS
            if exact:
                lines.append(_placed(letters, stripped, start, end - 1, hyphenated))
            else:
                lines.append(Line(stripped, 0, 1, -20.0 * len(lines), 10, hyphenated))
        # What is filled into a form is drawn by its fields, and no picture.
        is_form = pypdfium2.raw.FPDFPage_GetAnnotCount(page) > 0
        if not lines and not is_form and next(page.get_objects(max_depth=1), None) is not None:
            apart.pictures += 1
        return lines
    finally:
        letters.close()
        page.close()


def _placed(letters: Any, text: str, first: int, last: int, hyphenated: bool) -> Line:
    left, bottom, _, top = letters.get_charbox(first, loose=True)
    right = letters.get_charbox(last, loose=True)[2]
    return Line(one_line(text), left, right, bottom, round((top - bottom) * 2) / 2, hyphenated)


def _body_size(pages: list[list[Line]]) -> float:
    """The size of most letters."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page:
            sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _reads_as_heading(text: str) -> bool:
    """Large letters are no heading where they run on: a pull quote, a slogan over several sentences."""
    if len(text) > _LONGEST_HEADING or not any(character.isalpha() for character in text):
        return False
    return not text.endswith((",", ";")) and (not text.endswith(".") or len(text.split()) <= _SENTENCE_WORDS)


def _vocabulary(pages: list[list[Line]]) -> Callable[[str], bool]:
    """Whether something is a word: an English one, or one that the document has within a line."""
    own: set[str] = set()
    for page in pages:
        for line in page:
            words = re.findall(r"\w+", line.text.lower())
            own.update(words[1 : -1 if line.hyphenated else None])

    def is_word(text: str) -> bool:
        from unstructured.nlp.english_words import ENGLISH_WORDS

        return text.lower() in own or text.lower() in ENGLISH_WORDS

    return is_word
