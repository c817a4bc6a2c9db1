"""All that is looked at before a parser meets a file, in order."""

from __future__ import annotations

from ingestion.inspection.active import Policy, settle
from ingestion.inspection.entities import refuse_declarations, refuse_subset
from ingestion.inspection.images import refuse_oversized
from ingestion.inspection.names import check_name
from ingestion.inspection.office import found_in_ole, found_in_package
from ingestion.inspection.pdf import found_in_pdf
from ingestion.inspection.polyglot import ends_as_zip, refuse_polyglot_pdf, two_at_once
from ingestion.inspection.programs import refuse_test_file
from ingestion.inspection.rtf import found_in_rtf
from rag_service.domain.document import MediaType

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEAD = 2**20


def examine_bytes(name: str, content: bytes, policy: Policy) -> None:
    """What can be said of a file of any type: its name, the test file, an image's size, macros in an OLE container.

    Raises:
        Refused: ``unsafe_name``, ``malware_test_file``, ``oversized_image``, ``macros`` or ``embedded_executable``.
    """
    check_name(name.replace("\\", "/").rpartition("/")[2])
    refuse_test_file(content)
    refuse_oversized(content[:_HEAD])
    if content.startswith(_OLE):
        settle(found_in_ole(content), policy)


def examine_type(content: bytes, media_type: MediaType, policy: Policy) -> tuple[str, ...]:
    """The kinds of active content that the file carries and that are left behind.

    Raises:
        Refused: what its kind of file must not have, or by policy not carry.
    """
    if media_type is MediaType.PDF:
        refuse_polyglot_pdf(content)
        return settle(found_in_pdf(content), policy)
    if content.startswith(b"PK\x03\x04"):
        return settle(found_in_package(content), policy)
    if content.startswith(_OLE):
        return settle(found_in_ole(content), policy)
    if media_type is MediaType.RTF:
        return settle(found_in_rtf(content), policy)
    if ends_as_zip(content):
        raise two_at_once("it is a zip archive as well")
    if media_type is MediaType.HTML:
        refuse_subset(content)
    elif "xml" in media_type.value:
        refuse_declarations(content, doctype=False)
    return ()
