"""Packages: Office files, OpenDocument texts and books, all of them zip archives of XML parts. Every part is read once.

What lies in a package may be a package again; it is looked at likewise, three deep.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from xml.parsers import expat

from ingestion.inspection import active
from ingestion.inspection.entities import refuse_declarations, xml_text
from ingestion.inspection.images import refuse_oversized
from ingestion.inspection.programs import LONGEST, holds_program, is_program, is_program_name, refuse_test_file
from ingestion.inspection.zip_directory import ZipLimits, bomb, check_member, open_zip, read_pieces
from rag_service.domain.errors import Refused

LIMITS = ZipLimits()
MAX_XML = 64 * 2**20
"""Parsers build a tree of a part, which takes many times its size."""

_DEEPEST = 3
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_MACROS = tuple(name.encode("utf-16-le") for name in ("_VBA_PROJECT", "Macros\x00", "VBA\x00"))
_OLE_PACKAGE = "Ole10Native".encode("utf-16-le")
_MARKUP = (".xml", ".rels", ".vml", ".rdf", ".xhtml", ".html", ".htm", ".svg", ".opf", ".ncx", ".smil")
_OFFICE = "[Content_Types].xml"
_OBFUSCATED_FONT = re.compile(
    r"Algorithm\s{0,9}=\s{0,9}[\"'](?:http://www\.idpf\.org/2008/embedding|http://ns\.adobe\.com/pdf/enc#RC)"
)
_METHOD = re.compile(r"<(?:\w{1,20}:)?EncryptionMethod\b")


def found_in_package(content: bytes) -> set[str]:
    """The kinds of active content in the package.

    Raises:
        Refused: ``malformed``, ``encrypted``, ``archive_bomb``, ``unsafe_path``, ``unsafe_name``, ``link``,
            ``unsupported_compression``, ``external_entities``, ``oversized_image`` or ``malware_test_file``.
    """
    return _Package(LIMITS.expanded).found_in(content, 0)


class _Package:
    """A budget of bytes that all parts share, however deep they lie."""

    def __init__(self, left: int) -> None:
        self._left = left

    def found_in(self, content: bytes, depth: int) -> set[str]:
        kinds: set[str] = set()
        with open_zip(content, LIMITS) as archive:
            is_office = _OFFICE in archive.namelist()
            _refuse_two_of_a_name(archive.infolist())
            for member in archive.infolist():
                check_member(content, member)
                kinds |= _kinds_by_name(member.filename.lower())
                kinds |= self._found_in_member(archive, member, depth, is_office=is_office)
        return kinds

    def _found_in_member(
        self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, depth: int, *, is_office: bool
    ) -> set[str]:
        name = member.filename.lower()
        is_markup = name.endswith(_MARKUP)
        if is_markup and member.file_size > MAX_XML:
            raise bomb()
        pieces = self._counted(archive, member)
        head = next(pieces, b"")
        refuse_oversized(head)
        kinds = {active.EXECUTABLE} if is_program(head) and not is_markup else set()
        if is_markup or head.startswith((b"PK\x03\x04", _OLE)):
            whole = head + b"".join(pieces)
            refuse_test_file(whole)
            if not is_markup:
                return kinds | self._found_in_object(whole, depth)
            refuse_declarations(whole, doctype=is_office)
            return kinds | _found_in_markup(name, whole)
        tail = head[-LONGEST:]
        refuse_test_file(head)
        for piece in pieces:
            refuse_test_file(tail + piece)
            tail = piece[-LONGEST:]
        return kinds

    def _counted(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
        for piece in read_pieces(archive, member, self._left):
            self._left -= len(piece)
            yield piece

    def _found_in_object(self, content: bytes, depth: int) -> set[str]:
        if content.startswith(_OLE):
            return found_in_ole(content)
        if depth == _DEEPEST:
            raise bomb()
        try:
            return {"embedded_object"} | self.found_in(content, depth + 1)
        except Refused as refusal:
            if refusal.reason in ("malformed", "encrypted", "polyglot"):  # it is left behind in any case
                return {"embedded_object"}
            raise


def _refuse_two_of_a_name(members: Iterable[zipfile.ZipInfo]) -> None:
    """No two parts have one name, in which case programs differ in which they read. Raises ``Refused``."""
    seen: dict[str, int] = {}
    for member in members:
        if seen.setdefault(member.filename.lower(), member.CRC) != member.CRC:
            raise Refused("duplicate_name", "Two different parts of the file have the same name.")


def found_in_ole(content: bytes) -> set[str]:
    """The kinds of active content in an OLE container, by the names in its directory and the programs in its bytes."""
    kinds = {active.MACROS} if any(name in content for name in _OLE_MACROS) else set()
    if _OLE_PACKAGE in content:
        kinds.add("embedded_object")
    if holds_program(content):
        kinds.add(active.EXECUTABLE)
    return kinds


def _found_in_markup(name: str, part: bytes) -> set[str]:
    """What a part of a package says of it, by the part's name."""
    if name.endswith(".rels"):
        return _found_in_relationships(part)
    if name == _OFFICE.lower():
        types = xml_text(part).lower()
        return {active.MACROS} if "macroenabled" in types or "macrosheet" in types else set()
    if name == "meta-inf/manifest.xml" and "encryption-data" in xml_text(part):
        raise _encrypted()
    if name == "meta-inf/encryption.xml":
        text = xml_text(part)
        if len(_METHOD.findall(text)) > len(_OBFUSCATED_FONT.findall(text)):
            raise _encrypted()
    return set()


def _found_in_relationships(part: bytes) -> set[str]:
    """What a package refers to. What no reader of XML understands, no program follows."""
    kinds: set[str] = set()

    def start(name: str, stated: dict[str, str]) -> None:
        if name.rpartition(":")[2] != "Relationship":
            return
        kind = stated.get("Type", "").lower()
        if kind.endswith("/vbaproject"):
            kinds.add(active.MACROS)
        if stated.get("TargetMode", "").lower() == "external" and not kind.endswith("/hyperlink"):
            kinds.add("external_reference")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    with suppress(expat.ExpatError):
        parser.Parse(part, True)
    return kinds


def _kinds_by_name(name: str) -> set[str]:
    folder, _, rest = name.partition("/")
    if name.endswith("vbaproject.bin") or name.startswith("xl/macrosheets/"):
        return {active.MACROS}
    if folder in ("basic", "scripts") and rest and not name.endswith("/"):
        return {active.MACROS}  # of OpenDocument, in Basic, Python or JavaScript
    if is_program_name(name):
        return {active.EXECUTABLE}
    if "/activex/" in name:
        return {"activex"}
    return {"scripts"} if name.endswith(".js") else set()


def _encrypted() -> Refused:
    return Refused("encrypted", "The file is protected by a password or rights management; save it without.")
