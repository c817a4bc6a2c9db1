"""XML from strangers: no entity of theirs is known, nothing outside is read, and nesting has an end."""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from ingestion.decode import declared_encoding, decode_text
from rag_service.domain.errors import Refused


class _RootReached(Exception):
    """What can be declared has been: a document type stands before the root element."""


def read_xml(content: bytes) -> Any:
    """The root element (of ``lxml``), with comments left in.

    Raises:
        Refused: ``external_entities`` where the document type declares entities, ``undecodable_text``.
        Exception: of the libraries, for what is not well formed.
    """
    from lxml import etree

    data = decode_text(content, declared=declared_encoding(content)).removeprefix("\ufeff").strip().encode()
    _refuse_entities(data)
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_pis=True
    )
    return etree.fromstring(data, parser)


def local_name(node: Any) -> str:
    """An element's name without its namespace."""
    return str(node.tag).rpartition("}")[2]


def _refuse_entities(data: bytes) -> None:
    def refuse(*_: object) -> None:
        raise Refused("external_entities", "The file declares XML entities, which are not expanded.")

    def stop(*_: object) -> None:
        raise _RootReached

    parser = expat.ParserCreate("utf-8")
    parser.EntityDeclHandler = refuse
    parser.UnparsedEntityDeclHandler = refuse
    parser.StartElementHandler = stop
    try:
        parser.Parse(data, True)
    except _RootReached:
        return
