"""OpenDocument (LibreOffice): texts, spreadsheets and presentations, read from their XML.

``unstructured`` would hand them to pandoc, a program that is not ours to require.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from typing import Any

from ingestion.parsers.extract import Extract, one_line
from ingestion.parsers.open_styles import OFFICE, TABLE, Styles
from ingestion.parsers.open_tables import sheet_rows
from ingestion.parsers.open_text import TextWalk
from ingestion.parsers.room import bounded
from ingestion.parsers.safe_xml import local_name, read_xml
from ingestion.parsers.sheets import blocks
from ingestion.parsers.stated import worth_screening
from ingestion.parsers.word import own_title
from rag_service.domain.document import BlockKind, Element
from rag_service.domain.errors import Refused

_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_MOST_CELLS = 1_000_000
_PRESENTATION = "{urn:oasis:names:tc:opendocument:xmlns:presentation:1.0}"

Read = tuple[list[Element], list[str], list[str]]
"""What is shown, what is not, and what is shown so that nobody sees it."""


def parse_open_document(content: bytes) -> Extract:
    """The visible elements of an OpenDocument file, and what it hides. Raises ``Refused`` for a locked one."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        names = set(package.namelist())
        if "META-INF/manifest.xml" in names and b"encryption-data" in package.read("META-INF/manifest.xml"):
            raise Refused("encrypted", "The file is protected by a password.")
        root = read_xml(package.read("content.xml"))
        roots = [read_xml(package.read(name)) for name in ("styles.xml", "meta.xml") if name in names]
    return _extract(root, [root, *roots])


def flat_extract(root: Any) -> Extract:
    """The elements of an OpenDocument file that is a single XML file."""
    return _extract(root, [root])


def _extract(root: Any, roots: list[Any]) -> Extract:
    styles = Styles(roots)
    body = next(root.iter(f"{OFFICE}body"), None)
    held = next((child for child in body if isinstance(child.tag, str)), None) if body is not None else None
    if held is None:
        return Extract(())
    reader = {"spreadsheet": _spreadsheet, "presentation": _presentation}.get(local_name(held), _text)
    elements, concealed, disguised = reader(held, styles)
    stated = next((node.text for one in roots for node in one.iter() if local_name(node) == "title"), None)
    first = next((element.text for element in elements if element.kind is BlockKind.TITLE), None)
    concealed += worth_screening(
        node.text for one in roots for meta in one.iter(f"{OFFICE}meta") for node in meta.iter()
    )
    return Extract(tuple(elements), tuple(filter(None, concealed)), own_title(stated) or first, tuple(disguised))


def _text(held: Any, styles: Styles) -> Read:
    has_pages = any(local_name(node) == "soft-page-break" for node in held.iter()) or styles.breaks_pages
    walk = TextWalk(styles, page=1 if has_pages else None, is_on_paper=not styles.paints_pages)
    walk.children(held)
    return walk.elements, walk.concealed, walk.disguised


def _spreadsheet(held: Any, styles: Styles) -> Read:
    elements: list[Element] = []
    concealed: list[str] = []
    disguised: list[str] = []
    for page, table in enumerate(held.iterchildren(f"{TABLE}table"), start=1):
        rows = sheet_rows(table, styles)
        section = one_line(table.get(f"{TABLE}name") or "") or None
        found = list(blocks(bounded(rows.shown, _MOST_CELLS), page=page, section=section))
        if styles.is_hidden(table.get(f"{TABLE}style-name")):
            concealed += [element.text for element in found]
        else:
            elements += found
        concealed += [*(" | ".join(filter(None, row)) for row in rows.hidden), *rows.noted]
        disguised += rows.disguised
    return elements, concealed, disguised


def _presentation(held: Any, styles: Styles) -> Read:
    elements: list[Element] = []
    concealed: list[str] = []
    disguised: list[str] = []
    for page, slide in enumerate(held.iterchildren(f"{_DRAW}page"), start=1):
        walk = TextWalk(styles, page=page)
        notes = TextWalk(styles, page=page)
        for shape in slide:
            if not isinstance(shape.tag, str):
                continue
            if shape.tag == f"{_PRESENTATION}notes":
                notes.children(shape)
            elif shape.get(f"{_PRESENTATION}class") == "title":
                walk.heading(one_line(" ".join(shape.itertext())), 1)
            else:
                walk.node(shape)
        section = walk.section
        said = [
            replace(one, text=f"Notes: {one.text}", section=section) for one in notes.elements if one.text != str(page)
        ]
        if styles.is_hidden(slide.get(f"{_DRAW}style-name")):
            concealed += [element.text for element in (*walk.elements, *said)]
        else:
            elements += [*walk.elements, *said]
        concealed += [*walk.concealed, *notes.concealed]
        disguised += [*walk.disguised, *notes.disguised]
    return elements, concealed, disguised
