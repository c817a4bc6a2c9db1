"""The error tree. A message never carries document text, a question or a secret.

RagError
├── Refused                 an upload that cannot become a document
├── InvalidRequest          the caller asked for something malformed
├── TooLarge                more bytes than a request of this kind may have
├── QuestionRefused         the tenant's policy blocks a question of this kind
├── Unauthenticated         no valid credential
├── Forbidden               a valid credential without the needed role
├── NotFound                absent, or not readable by this caller: never told apart
├── Conflict                a name that is taken
├── LeaseLost               a job that is no longer this worker's: cancelled, or taken over
├── QueueFull               the tenant has as much waiting as it may have
├── IntegrityError
│   ├── SealBroken          sealed bytes that do not open under their key and place
│   ├── SignatureInvalid    a chunk whose source tag was altered
│   └── ModelUnverified     model files that differ from their manifest
├── ConfigurationError      what the operator must mend before anything can run
│   ├── MasterKeyMissing
│   ├── MasterKeyWrong
│   ├── FolderHeld
│   ├── FolderDamaged       a part of the data folder is missing or spoilt
│   ├── SchemaMismatch
│   ├── EmbeddingMismatch   the tenant's vectors were made with another model
│   └── InvalidSetting
└── Unavailable             a part that should answer does not
    ├── DatabaseUnavailable
    ├── IndexUnavailable
    ├── ModelUnavailable
    ├── StageFailed         a worker process died, or met a defect: another attempt may succeed
    └── OwnerUnreachable    the process that holds the data folder does not answer
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class RagError(Exception):
    """Anything this service reports on purpose."""


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
        return "a valid API key is required"


@dataclass
class Forbidden(RagError):
    """The credential is valid but lacks a role; says nothing of any resource."""

    needed: str

    def __str__(self) -> str:
        return f"this credential lacks the scope {self.needed!r}"


@dataclass
class NotFound(RagError):
    """The thing is absent, or this caller may not know of it: the two are never told apart."""

    kind: str

    def __str__(self) -> str:
        return f"no such {self.kind}"


@dataclass
class Conflict(RagError):
    """The name is taken."""

    kind: str

    def __str__(self) -> str:
        return f"a {self.kind} of that name exists already"


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


class IntegrityError(RagError):
    """Stored or installed bytes are not what they were when we made them."""


class SealBroken(IntegrityError):
    """Sealed bytes do not open under their key and their place."""

    def __str__(self) -> str:
        return "sealed data failed authentication: it was altered, moved, or sealed under another key"


class SignatureInvalid(IntegrityError):
    """A chunk's source tag does not carry the tenant's signature."""

    def __str__(self) -> str:
        return "a stored chunk does not carry a valid signature of its source"


@dataclass
class ModelUnverified(IntegrityError):
    """A model file is missing or differs from the digest in its manifest; nothing was loaded."""

    model: str
    file: str

    def __str__(self) -> str:
        return f"model {self.model!r}: {self.file} is missing or differs from its recorded SHA-256; it was not loaded"


class ConfigurationError(RagError):
    """The operator must mend something before anything can run."""


@dataclass
class InvalidSetting(ConfigurationError):
    """A setting has a value that cannot be used."""

    setting: str
    detail: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.detail}"


@dataclass
class MasterKeyMissing(ConfigurationError):
    """The data folder exists but its master key is not at the configured place."""

    path: Path

    def __str__(self) -> str:
        return (
            f"this data folder was sealed under a master key, and there is none at {self.path}. "
            "Restore the key file, or name it with RAG_MASTER_KEY_FILE. Nothing was changed."
        )


class MasterKeyWrong(ConfigurationError):
    """The master key is not the one that sealed this data folder."""

    def __str__(self) -> str:
        return "the master key is not the one this data folder was sealed under. Nothing was changed."


@dataclass
class FolderHeld(ConfigurationError):
    """Another process owns the index of this data folder."""

    path: Path
    holder: str

    def __str__(self) -> str:
        return f"{self.path} is in use by {self.holder}. Stop it, or wait until it is done, then try again."


@dataclass
class FolderDamaged(ConfigurationError):
    """A part of the data folder is missing or spoilt, and making it anew would cut off the rest."""

    path: Path
    file: str
    problem: str

    def __str__(self) -> str:
        return (
            f"the data folder {self.path} is damaged: its {self.file} {self.problem}. "
            "Restore it from a backup. Nothing was changed."
        )


@dataclass
class SchemaMismatch(ConfigurationError):
    """The data folder was written by another version of the schema."""

    found: str
    expected: str

    def __str__(self) -> str:
        return f"the data folder has schema {self.found}, and this version needs {self.expected}"


@dataclass
class EmbeddingMismatch(ConfigurationError):
    """The tenant's vectors were made with another embedding model, so a question's vector would mean nothing."""

    found: str
    expected: str

    def __str__(self) -> str:
        return (
            f"the tenant's documents were embedded with {self.found}, and this service runs {self.expected}. "
            "Set RAG_EMBEDDING_MODEL and RAG_EMBEDDING_BACKEND as they were, or ingest into a new tenant."
        )


class Unavailable(RagError):
    """A part that should answer does not; nothing partial is returned in its place."""


@dataclass
class DatabaseUnavailable(Unavailable):
    """SQL cannot answer. ``code`` is the database's own name for what is wrong: it holds nothing of a statement."""

    code: str

    def __str__(self) -> str:
        return f"the database cannot be read ({self.code}). If the file is damaged, restore it from a backup."


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
