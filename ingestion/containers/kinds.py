"""Which files are opened as containers: those that begin like one, and call themselves one or nothing else.

What is called otherwise is left to validation, which refuses a name that says something else than the content.
"""

from __future__ import annotations

import io
import zipfile
from enum import StrEnum
from pathlib import PurePosixPath

from ingestion.containers.mailboxes import is_mailbox
from ingestion.inspection.zip_directory import DAMAGE


class Kind(StrEnum):
    """A format that holds others."""

    ZIP = "zip"
    TAR = "tar"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    MAILBOX = "mailbox"
    MAIL = "mail"
    OUTLOOK = "outlook"

    @property
    def is_mail(self) -> bool:
        """Whether it is a document itself, besides what it holds."""
        return self in (Kind.MAIL, Kind.OUTLOOK)


_SUFFIXES = frozenset(".zip .tar .gz .tgz .bz2 .tbz .tbz2 .xz .txz".split())
_MAILBOX_SUFFIXES = frozenset((".mbox", ".mbx"))
_MAIL_SUFFIXES = {".eml": Kind.MAIL, ".msg": Kind.OUTLOOK}
_BEGINNINGS = (
    (b"PK\x03\x04", Kind.ZIP),
    (b"PK\x05\x06", Kind.ZIP),
    (b"\x1f\x8b", Kind.GZIP),
    (b"BZh", Kind.BZIP2),
    (b"\xfd7zXZ\x00", Kind.XZ),
)
_RECORD = b"PK\x01\x02"
MOST_RECORDS = 50_000
"""Marks of directory entries anywhere in a zip, those of documents within it too."""

_TAR_MARK, _TAR_AT = b"ustar", 257


def archive_kind(name: str, content: bytes) -> Kind | None:
    """The format of an archive; ``None`` for what is none, or is a document that happens to be a zip.

    Looks at the first bytes, so that it may be asked anywhere; a zip is looked into by ``holds_document``.
    """
    suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    if content.startswith(b"From ") and (not suffix or suffix in _MAILBOX_SUFFIXES):
        return Kind.MAILBOX if is_mailbox(content, is_named=bool(suffix)) else None
    if suffix and suffix not in _SUFFIXES:
        return None
    for beginning, kind in _BEGINNINGS:
        if content.startswith(beginning):
            return kind
    is_tar = content[_TAR_AT : _TAR_AT + len(_TAR_MARK)] == _TAR_MARK or (suffix == ".tar" and _is_old_tar(content))
    return Kind.TAR if is_tar else None


def mail_kind(name: str) -> Kind | None:
    """The format of a mail that lies in something else, by its name."""
    return _MAIL_SUFFIXES.get(PurePosixPath(name).suffix.lower())


def holds_document(content: bytes) -> bool:
    """Whether a zip is an Office file, an electronic book or the like."""
    if content.count(_RECORD) > MOST_RECORDS:  # each would cost a kilobyte to read
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
    except DAMAGE:
        return False
    return "[Content_Types].xml" in names or names[:1] == ["mimetype"]


def _is_old_tar(content: bytes) -> bool:
    """Whether the first header carries its own sum, as before 1988 nothing else marked a tar."""
    from ingestion.containers.tars import is_header

    return is_header(content[:512])
