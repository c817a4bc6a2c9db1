"""The error tree. A message never carries document text, a question or a secret.

RagError
├── Refused                 an upload that cannot become a document
├── InvalidRequest          the caller asked for something malformed
├── TooLarge                more bytes than a request of this kind may have
├── QuestionRefused         the tenant's policy blocks a question of this kind
├── Unauthenticated         no valid credential
├── TooManyAttempts         wrong credentials came too often
├── Forbidden               a valid credential without the needed role
├── NotFound                absent, or not readable by this caller: never told apart
├── Conflict                a name that is taken
├── LeaseLost               a job that is no longer this worker's: cancelled, or taken over
├── QueueFull               the tenant has as much waiting as it may have
├── IntegrityError
│   ├── SealBroken          sealed bytes that do not open under their key and place
│   ├── SignatureInvalid    a chunk whose source tag was altered
│   ├── HeldBySeal          a version in quarantine whose row was altered to look live
│   └── ModelUnverified     model files that differ from their manifest
├── ConfigurationError      what the operator must mend before anything can run
│   ├── MasterKeyMissing
│   ├── MasterKeyWrong
│   ├── RowSecurityMissing
│   ├── FolderHeld
│   ├── FolderDamaged       a part of the data folder is missing or spoilt
│   ├── SchemaMismatch
│   ├── EmbeddingMismatch   the tenant's vectors were made with another model
│   └── InvalidSetting
└── Unavailable             a part that should answer does not
    ├── DatabaseUnavailable
    ├── IndexUnavailable
    ├── ModelUnavailable
    ├── IdentityProviderUnavailable
    ├── StageFailed         a worker process died, or met a defect: another attempt may succeed
    └── OwnerUnreachable    the process that holds the data folder does not answer
"""

from __future__ import annotations

from rag_service.domain.errors.configuration import (
    ConfigurationError,
    EmbeddingMismatch,
    FolderDamaged,
    FolderHeld,
    InvalidSetting,
    MasterKeyMissing,
    MasterKeyWrong,
    RowSecurityMissing,
    SchemaMismatch,
)
from rag_service.domain.errors.integrity import (
    HeldBySeal,
    IntegrityError,
    ModelUnverified,
    SealBroken,
    SignatureInvalid,
)
from rag_service.domain.errors.requests import (
    Conflict,
    Forbidden,
    InvalidRequest,
    LeaseLost,
    NotFound,
    QuestionRefused,
    QueueFull,
    Refused,
    TooLarge,
    TooManyAttempts,
    Unauthenticated,
)
from rag_service.domain.errors.root import RagError
from rag_service.domain.errors.unavailable import (
    DatabaseUnavailable,
    IdentityProviderUnavailable,
    IndexUnavailable,
    ModelUnavailable,
    OwnerUnreachable,
    StageFailed,
    Unavailable,
)

__all__ = [
    "ConfigurationError",
    "Conflict",
    "DatabaseUnavailable",
    "EmbeddingMismatch",
    "FolderDamaged",
    "FolderHeld",
    "Forbidden",
    "HeldBySeal",
    "IdentityProviderUnavailable",
    "IndexUnavailable",
    "IntegrityError",
    "InvalidRequest",
    "InvalidSetting",
    "LeaseLost",
    "MasterKeyMissing",
    "MasterKeyWrong",
    "ModelUnavailable",
    "ModelUnverified",
    "NotFound",
    "OwnerUnreachable",
    "QuestionRefused",
    "QueueFull",
    "RagError",
    "Refused",
    "RowSecurityMissing",
    "SchemaMismatch",
    "SealBroken",
    "SignatureInvalid",
    "StageFailed",
    "TooLarge",
    "TooManyAttempts",
    "Unauthenticated",
    "Unavailable",
]
