"""An archive as a document: what it is called and which files were found in it."""

from __future__ import annotations

from pathlib import PurePosixPath

from ingestion.containers.kinds import Kind
from ingestion.containers.walk import Contents
from rag_service.domain.document import BlockKind, Element, MediaType, ParsedDocument, Upload

_MEDIA_TYPES = {
    Kind.ZIP: MediaType.ZIP,
    Kind.TAR: MediaType.TAR,
    Kind.GZIP: MediaType.GZIP,
    Kind.BZIP2: MediaType.BZIP2,
    Kind.XZ: MediaType.XZ,
    Kind.MAILBOX: MediaType.MAILBOX,
}


def listing(upload: Upload, contents: Contents) -> ParsedDocument:
    """The archive's own text: its title and its members by path, which are documents of their own."""
    name = PurePosixPath(upload.name.replace("\\", "/")).name
    title = (upload.title or name)[:200]
    count = len(contents.members)
    head = f"Archive {name} with {count} file{'' if count == 1 else 's'}:"
    if contents.refused:
        head = f"{head[:-1]}, and {len(contents.refused)} that could not be taken:"
    lines = (Element(member.path, BlockKind.LIST_ITEM, section=title) for member in contents.members)
    title_element = Element(title, BlockKind.TITLE, section=title)
    return ParsedDocument(title, _MEDIA_TYPES[contents.kind], (title_element, Element(head, section=title), *lines))
