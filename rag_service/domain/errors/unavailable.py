"""Parts that should answer and do not."""

from __future__ import annotations

from dataclasses import dataclass

from rag_service.domain.errors.root import RagError


class Unavailable(RagError):
    """A part that should answer does not; nothing partial is returned in its place."""


@dataclass
class DatabaseUnavailable(Unavailable):
    """SQL cannot answer. ``code`` is the database's own name for what is wrong: it holds nothing of a statement."""

    code: str
    setting: str = "RAG_DATABASE_URL"

    def __str__(self) -> str:
        if self.code == "SQLITE_FULL":
            return "the disk that holds the data folder is full (SQLITE_FULL). Nothing that was stored is lost."
        if self.code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return f"the database is in use by another process for too long ({self.code}). Try again."
        if self.code.startswith("SQLITE_") or self.code == "unknown":
            return f"the database cannot be read ({self.code}). If the file is damaged, restore it from a backup."
        if self.code == "42501":
            return (
                f"the role of {self.setting} lacks a right (42501). `rag database upgrade` grants what a service needs."
            )
        return f"the database of {self.setting} cannot be used: {self.code}."


@dataclass
class IndexUnavailable(Unavailable):
    """The vector index cannot answer."""

    detail: str

    def __str__(self) -> str:
        return f"the vector index cannot answer: {self.detail}"


@dataclass
class ModelUnavailable(Unavailable):
    """A language model or its server cannot answer."""

    model: str
    detail: str

    def __str__(self) -> str:
        return f"model {self.model!r} cannot answer: {self.detail}"


@dataclass
class StageFailed(Unavailable):
    """A stage of ingestion failed for reasons that are not known to lie in the file."""

    stage: str
    detail: str

    def __str__(self) -> str:
        return f"the stage {self.stage!r} failed: {self.detail}"


@dataclass
class OwnerUnreachable(Unavailable):
    """The process that holds the data folder does not answer on its socket, or cannot do what was asked.

    ``problem`` goes on after "which": what it fails to do.
    """

    holder: str
    problem: str = "does not answer"

    def __str__(self) -> str:
        held = f"the data folder is in use by {self.holder}, which {self.problem}"
        return f"{held}. Stop it, or wait until it is done."


@dataclass
class IdentityProviderUnavailable(Unavailable):
    """The identity provider's keys are not known, so that none of its tokens can be verified."""

    problem: str

    def __str__(self) -> str:
        return f"the identity provider's keys cannot be had: {self.problem}"
