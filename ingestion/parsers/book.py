"""Books (EPUB): the pages of the spine in order, each under the name that the table of contents gives it."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from ingestion.parsers.extract import MAX_SECTION, Extract, one_line
from ingestion.parsers.markup import parse_html
from ingestion.parsers.safe_xml import local_name, read_xml
from ingestion.parsers.stated import worth_screening
from rag_service.domain.document import Element
from rag_service.domain.errors import Refused

MAX_PAGES = 5_000
_SMALL = 50_000
"""Paragraphs of any book; a longer one may have one more for each ten bytes."""
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml"})
_FONTS = re.compile(r"\.(?:otf|ttf|ttc|woff2?)$", re.IGNORECASE)


def parse_epub(content: bytes) -> Extract:
    """The chapters of a book. Raises ``Refused`` where a library locked it, or for more than ``MAX_PAGES``."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        names = set(book.namelist())
        if _is_locked(book, names):
            raise Refused("encrypted", "The book is protected by digital rights management.")
        package_name = _package_name(book)
        package = read_xml(book.read(package_name))
        pages = [name for name in _spine(package, package_name) if name in names]
        if len(pages) > MAX_PAGES:
            raise Refused("too_large", f"The book has more than {MAX_PAGES} pages.")
        titles = _contents(book, package, package_name, names)
        elements: list[Element] = []
        concealed: list[str] = []
        disguised: list[str] = []
        chapter: str | None = None
        for name in pages:
            page = parse_html(book.read(name)) if book.getinfo(name).file_size else Extract(())
            chapter = titles.get(name, chapter)
            elements += [_in_chapter(element, chapter) for element in page.elements]
            if len(elements) > _SMALL + len(content) // 10:
                raise Refused("too_large", "The book has more paragraphs than a book of its length needs.")
            concealed += page.concealed
            disguised += page.disguised
    stated = [node.text for held in package if local_name(held) == "metadata" for node in held.iter()]
    concealed += worth_screening(stated)
    return Extract(tuple(elements), tuple(concealed), _title(package), tuple(disguised))


def _in_chapter(element: Element, chapter: str | None) -> Element:
    parts = [part for part in (element.section or "").split(" > ") if part]
    if chapter and (not parts or parts[0].casefold() != chapter.casefold()):
        parts.insert(0, chapter)
    return replace(element, section=" > ".join(parts)[:MAX_SECTION].strip() or None)


def _package_name(book: zipfile.ZipFile) -> str:
    container = read_xml(book.read("META-INF/container.xml"))
    return next(str(node.get("full-path")) for node in container.iter() if local_name(node) == "rootfile")


def _spine(package: Any, package_name: str) -> Iterator[str]:
    """The members that hold the book's pages, each once."""
    items = {node.get("id"): node for node in package.iter() if local_name(node) == "item"}
    seen: set[str] = set()
    for reference in (node for node in package.iter() if local_name(node) == "itemref"):
        item = items.get(reference.get("idref"))
        if item is None or (item.get("media-type") or "") not in _PAGES:
            continue
        name = _member(package_name, item.get("href") or "")
        if name not in seen:
            seen.add(name)
            yield name


def _contents(book: zipfile.ZipFile, package: Any, package_name: str, names: set[str]) -> dict[str, str]:
    """What the table of contents calls each member: that of EPUB 3, else that of EPUB 2."""
    titles: dict[str, str] = {}
    items = [node for node in package.iter() if local_name(node) == "item"]
    seen: set[str] = set()
    for item in items:
        name = _member(package_name, item.get("href") or "")
        if name not in names or name in seen:
            continue
        seen.add(name)
        if "nav" in (item.get("properties") or "").split():
            for link in read_xml(book.read(name)).iter():
                if local_name(link) == "a" and (text := one_line("".join(link.itertext()))):
                    titles.setdefault(_member(name, link.get("href") or ""), text)
        elif item.get("media-type") == "application/x-dtbncx+xml" and not titles:
            for point in (node for node in read_xml(book.read(name)).iter() if local_name(node) == "navPoint"):
                texts = [node.text or "" for node in point.iter() if local_name(node) == "text"]
                sources = [node.get("src") or "" for node in point.iter() if local_name(node) == "content"]
                if texts and sources:
                    titles.setdefault(_member(name, sources[0]), one_line(texts[0]))
    return titles


def _member(beside: str, reference: str) -> str:
    """The member that a reference in the member ``beside`` names."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(beside), unquote(reference.partition("#")[0])))


def _is_locked(book: zipfile.ZipFile, names: set[str]) -> bool:
    """Whether any page is encrypted; fonts commonly are, against copying."""
    if "META-INF/rights.xml" in names:
        return True
    if "META-INF/encryption.xml" not in names:
        return False
    locked = read_xml(book.read("META-INF/encryption.xml")).iter()
    return any(local_name(node) == "CipherReference" and not _FONTS.search(node.get("URI") or "") for node in locked)


def _title(package: Any) -> str | None:
    stated = next((node.text for node in package.iter() if str(node.tag).endswith("/elements/1.1/}title")), None)
    return one_line(stated or "") or None
