"""The members of an upload, through archives in archives and mails in mails, within one budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ingestion.containers.entries import Entry, shown_name, tidy_path
from ingestion.containers.kinds import Kind, archive_kind, holds_document, mail_kind
from ingestion.containers.limits import Budget, Overrun, UnpackLimits, too_large
from ingestion.containers.mailboxes import mailbox_entries
from ingestion.containers.mails import mail_entries
from ingestion.containers.streams import expanded, inner_name
from ingestion.containers.tars import tar_entries
from ingestion.containers.zips import zip_entries
from ingestion.inspection.names import check_member_name, check_name
from rag_service.domain.document import Upload
from rag_service.domain.errors import Refused

WINDOW = 64 * 2**20
"""Bytes of members that are handed over at a time."""

_BETWEEN = "!"


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an upload. ``path`` leads to it from the outermost container; ``name`` is its own."""

    path: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class RefusedMember:
    """A file in an upload that is not taken, while the others are."""

    path: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Contents:
    """All that an upload holds, in its order."""

    kind: Kind
    members: tuple[Member, ...]
    refused: tuple[RefusedMember, ...] = ()


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The contents of an upload, with the bytes of some members, one after the other from one of them on."""

    contents: Contents
    content: tuple[bytes, ...] = field(repr=False)


def unpack(upload: Upload, limits: UnpackLimits, *, mail: Kind | None = None, first: int = 0) -> Unpacked | None:
    """What the upload holds; ``None`` where it is no archive, and was not parsed as ``mail``.

    The bytes are those of the members from ``first`` on that fit into one window, at least one.

    Raises:
        Refused: ``too_many_members`` or ``archive_bomb`` for the whole; ``malformed`` and whatever else keeps the
            outermost container shut; and where no member may be taken, the reason of the first.
    """
    kind = mail or archive_kind(upload.name, upload.content)
    if kind is None or (kind is Kind.ZIP and holds_document(upload.content)):
        return None
    check_name(upload.name)
    walk = _Walk(Budget(limits, len(upload.content)), first)
    walk.through(kind, PurePosixPath(upload.name).name, upload.content, "", 1)
    if not walk.members and not kind.is_mail:
        raise _nothing(walk.refused)
    return Unpacked(Contents(kind, tuple(walk.members), tuple(walk.refused)), tuple(walk.window))


class _Walk:
    """The members that were met so far."""

    def __init__(self, budget: Budget, first: int) -> None:
        self._budget = budget
        self._first = first
        self._seen: set[str] = set()
        self._room = WINDOW
        self.members: list[Member] = []
        self.refused: list[RefusedMember] = []
        self.window: list[bytes] = []

    def through(self, kind: Kind, name: str, content: bytes, within: str, depth: int) -> None:
        """Every member of this container was met. Raises ``Refused`` where the container cannot be read to its end."""
        if depth > self._budget.limits.depth:
            raise Refused("archive_depth", "Too many archives lie in each other; unpack the outer ones.")
        if kind in (Kind.GZIP, Kind.BZIP2, Kind.XZ):
            name, content = inner_name(name), self._budget.gather(expanded(kind, content))
            kind = archive_kind(name, content) or kind
            if kind is not Kind.TAR:
                self._meet(Entry(name, content), within, depth)
                return
        for entry in self._entries(kind, content):
            if kind.is_mail and isinstance(entry.content, bytes):
                self._budget.take(len(entry.content))
            self._meet(entry, within, depth)

    def _entries(self, kind: Kind, content: bytes) -> Iterator[Entry]:
        if kind is Kind.ZIP:
            return zip_entries(content, self._budget)
        if kind is Kind.MAILBOX:
            return mailbox_entries(content)
        return tar_entries(content) if kind is Kind.TAR else mail_entries(kind, content)

    def _meet(self, entry: Entry, within: str, depth: int) -> None:
        """The member is taken, or told with the reason why not; if it holds others, those were met."""
        self._budget.count()
        shown = within + shown_name(entry.name)
        try:
            if isinstance(entry.content, Refused):
                raise entry.content
            check_member_name(entry.name)
            if _is_clutter(path := tidy_path(entry.name)):
                return
            shown = self._own(within + path)
            self._open(path, entry.content, shown, depth)
        except Refused as refusal:
            if isinstance(refusal, Overrun):
                raise
            self.refused.append(RefusedMember(shown_name(shown), refusal.reason, refusal.detail))

    def _own(self, path: str) -> str:
        """The path, which no other member has. Raises ``Refused``."""
        if path in self._seen or path.endswith(_BETWEEN):
            raise Refused("duplicate_name", "Another member of the archive has the same name.")
        self._seen.add(path)
        return path

    def _open(self, name: str, content: bytes, path: str, depth: int) -> None:
        kind = archive_kind(name, content)
        if kind is not None and not (kind is Kind.ZIP and holds_document(content)):
            self.through(kind, name.rpartition("/")[2], content, path + _BETWEEN, depth + 1)
            return
        if len(content) > self._budget.limits.member:
            raise too_large(self._budget.limits)
        self._take(Member(path, name.rpartition("/")[2], len(content)), content)
        if kind := mail_kind(name):
            try:
                self.through(kind, "", content, path + _BETWEEN, depth + 1)
            except Refused as refusal:
                if isinstance(refusal, Overrun):
                    raise  # else the mail itself is taken or refused where it is parsed
                if refusal.reason == "archive_depth":
                    self.refused.append(RefusedMember(path + _BETWEEN, refusal.reason, refusal.detail))

    def _take(self, member: Member, content: bytes) -> None:
        number = len(self.members)
        self.members.append(member)
        is_next = number == self._first + len(self.window)
        if is_next and (not self.window or len(content) <= self._room):
            self.window.append(content)
            self._room -= len(content)


def _is_clutter(path: str) -> bool:
    """What file managers leave behind and no person wrote."""
    name = path.rpartition("/")[2]
    return path.startswith("__MACOSX/") or name in (".DS_Store", "Thumbs.db", "desktop.ini")


def _nothing(refused: list[RefusedMember]) -> Refused:
    if not refused:
        return Refused("empty_archive", "The archive holds no file.")
    first = refused[0]
    return Refused(first.reason, f"Nothing in the archive can be taken. {first.detail}")
