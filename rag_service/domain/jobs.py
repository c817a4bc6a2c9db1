"""A job: one accepted upload on its way to being a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands. An ended job keeps its report; only a failed one keeps its content.

    queued ─→ running ─→ stored ─→ done          stored: live in SQL, the index has yet to follow
      │  ↖retry  │ ├──→ unchanged
      │          │ ├──→ quarantined              stored, and nobody's to read until a reviewer releases it
      │          │ ├──→ refused                  the file cannot become a document, and never will
      │          │ └──→ failed                   a dead letter: given up after too many attempts
      └──────────┴────→ cancelled
    """

    QUEUED = "queued"
    RUNNING = "running"
    STORED = "stored"
    DONE = "done"
    UNCHANGED = "unchanged"
    QUARANTINED = "quarantined"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


PENDING = frozenset({JobState.QUEUED, JobState.RUNNING})
"""States in which work remains."""

KEPT = PENDING | {JobState.FAILED}
"""States in which the content is kept: it may become a version yet."""

ENDED = frozenset(JobState) - PENDING - {JobState.STORED}


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What an uploader asked for, as it was accepted. Sealed while it waits.

    ``source`` is the document's identity. ``access`` are principals as text, for a new document, one that was of
    another owner, and as those who may be on the list of one that is replaced; ``None`` keeps the
    list of one that is replaced, and makes a new one private to its owner. ``folder`` is the synchronised folder that
    the file belongs to. ``parent`` and ``parent_version`` are the version of an archive or mail that it came in: then
    owner and readers are those of that document, ``within`` is the way to it there, and ``file_name`` its own name.
    """

    name: str
    source: str
    ingested_by: str
    owner: str | None
    access: tuple[str, ...] | None
    title: str | None = None
    folder: str | None = None
    parent: str | None = None
    parent_version: int = 0
    within: str | None = None
    file_name: str | None = None

    @property
    def identity(self) -> str:
        """What no other upload of the tenant has unless it is of the same document.

        A member's is below its container, and begins as no source may: nobody can put a document in its place.
        """
        if self.parent is not None:
            return f"\x00{self.parent}\x00{self.source}"
        if self.source.startswith("\x00"):
            raise ValueError("a source that no name can be")
        return self.source


@dataclass(frozen=True, slots=True)
class MemberJob:
    """A file that came in an upload. ``job_id`` makes it a document; ``None`` where it is one already, unchanged."""

    path: str
    document_id: str
    job_id: str | None


@dataclass(frozen=True, slots=True)
class MemberRefused:
    """A file that came in an upload and is not taken."""

    path: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """How a job ended. ``reason`` and ``detail`` are those of a refusal or of the last failure.

    ``stripped`` are kinds of active content that were left behind. ``held`` are the reasons for which a version is in
    quarantine, as its uploader may know them. ``unsearched`` are kinds of personal data that could not be looked for in
    the document's language.
    """

    version: int | None = None
    chunks: int = 0
    removed: Mapping[str, int] = field(default_factory=dict)
    suspicions: tuple[str, ...] = ()
    stripped: tuple[str, ...] = ()
    reason: str | None = None
    detail: str | None = None
    held: tuple[str, ...] = ()
    unsearched: tuple[str, ...] = ()
    members: tuple[MemberJob, ...] = ()
    refused_members: tuple[MemberRefused, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a job is. ``stage`` is told of one that runs."""

    state: JobState
    stage: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its tenant may see it. ``size`` is the content's, in bytes."""

    job_id: str
    document_id: str
    state: JobState
    stage: str
    name: str
    source: str
    size: int
    attempts: int
    created_at: datetime
    changed_at: datetime
    report: Report | None
