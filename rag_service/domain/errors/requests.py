"""What is wrong with what somebody asked for, or with who asks."""

from __future__ import annotations

from dataclasses import dataclass

from rag_service.domain.errors.root import RagError


@dataclass
class Refused(RagError):
    """An upload cannot become a document.

    ``reason`` is a stable snake_case word that scripts may rely on; ``detail`` is a sentence for people that
    says what is wrong with the file, and never quotes it.
    """

    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


@dataclass
class InvalidRequest(RagError):
    """The caller asked for something malformed; ``detail`` says how to ask properly."""

    detail: str

    def __str__(self) -> str:
        return self.detail


@dataclass
class TooLarge(RagError):
    """The request has more bytes than one of its kind may have."""

    most: int

    def __str__(self) -> str:
        return f"at most {self.most} bytes are taken"


@dataclass
class QuestionRefused(RagError):
    """The tenant's policy blocks a question of this kind."""

    kind: str

    def __str__(self) -> str:
        return f"this question was refused by policy: {self.kind}"


class Unauthenticated(RagError):
    """No valid credential came with the request."""

    def __str__(self) -> str:
        return "a valid credential is required"


@dataclass
class TooManyAttempts(RagError):
    """Too many credentials were wrong lately that came from there, or claimed to be this one."""

    retry_after_s: int

    def __str__(self) -> str:
        return f"too many failed attempts; try again in {self.retry_after_s} s"


@dataclass
class Forbidden(RagError):
    """The credential is valid but lacks a role; says nothing of any resource."""

    needed: str

    def __str__(self) -> str:
        return f"this credential lacks the scope '{self.needed}'"


@dataclass
class NotFound(RagError):
    """The thing is absent, or this caller may not know of it: the two are never told apart."""

    kind: str

    def __str__(self) -> str:
        return f"no such {self.kind}"


@dataclass
class Conflict(RagError):
    """The name is taken, or what is asked does not go with what there is, as ``detail`` says."""

    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return self.detail or f"a {self.kind} of that name exists already"


@dataclass
class LeaseLost(RagError):
    """The job was cancelled, or its lease ran out and another worker took it up: nothing of it was stored."""

    job_id: str

    def __str__(self) -> str:
        return f"job {self.job_id} is no longer this worker's"


@dataclass
class QueueFull(RagError):
    """The tenant has as much waiting to be ingested as it may have; later there is room again."""

    retry_after_s: int

    def __str__(self) -> str:
        return f"too much is waiting to be ingested for this tenant; try again in {self.retry_after_s} s"
