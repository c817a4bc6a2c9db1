"""zip, by Python's reader, once its directory was found honest (``ingestion.inspection.zip_directory``)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator

from ingestion.containers.entries import Entry
from ingestion.containers.kinds import MOST_RECORDS
from ingestion.containers.limits import Budget, Overrun, too_large
from ingestion.inspection.zip_directory import ZipLimits, check_member, open_zip, read_pieces
from rag_service.domain.errors import Refused

_UNLIMITED = 2**62
_UTF8 = 0x800


def zip_entries(content: bytes, budget: Budget) -> Iterator[Entry]:
    """The members in their order, without folders. Raises ``Refused`` for an archive that may not be opened."""
    limits = budget.limits
    archive = open_zip(content, ZipLimits(MOST_RECORDS, _UNLIMITED, limits.ratio, limits.small))
    members = [member for member in archive.infolist() if not member.is_dir()]
    budget.expect(sum(member.file_size for member in members), len(members))
    for member in members:
        name = _name(member)
        try:
            check_member(content, member)
            if member.file_size > limits.member:
                raise too_large(limits)
            found: bytes | Refused = budget.gather(read_pieces(archive, member, limits.member))
        except Refused as refusal:
            if isinstance(refusal, Overrun):
                raise
            found = refusal
        yield Entry(name, found)


def _name(member: zipfile.ZipInfo) -> str:
    """The member's name. Many programs write UTF-8 and forget to say so; else it is in the old DOS letters."""
    name = member.orig_filename
    if member.flag_bits & _UTF8:
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name
