"""What the operator must mend before anything can run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rag_service.domain.errors.root import RagError


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
    """The data folder, or the database, was written by another version of the schema."""

    found: str
    expected: str

    def __str__(self) -> str:
        if self.found == "none":
            return (
                "the database of RAG_DATABASE_URL has no tables yet: run `rag database upgrade`, with "
                "RAG_DATABASE_OWNER_URL for a role that may make them"
            )
        return (
            f"the stored data has schema {self.found}, and this version needs {self.expected}. "
            "`rag database upgrade` brings it there from schema 3 on; an older one must be ingested anew."
        )


@dataclass
class RowSecurityMissing(ConfigurationError):
    """The database would show a role of the service every tenant's rows."""

    detail: str

    def __str__(self) -> str:
        return (
            f"RAG_DATABASE_URL: row-level security would not hold, as {self.detail}. "
            "Name a role of the service's own; `rag database upgrade` makes it, and the policies."
        )


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
