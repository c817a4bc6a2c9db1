"""Bytes that are not what they were when we made them."""

from __future__ import annotations

from dataclasses import dataclass

from rag_service.domain.errors.root import RagError


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


class HeldBySeal(IntegrityError):
    """A version's seal says that it is in quarantine, and its row says otherwise."""

    def __str__(self) -> str:
        return "a version that is in quarantine by its seal was met in the place of a live one"


@dataclass
class ModelUnverified(IntegrityError):
    """A model file is missing or differs from the digest in its manifest; nothing was loaded."""

    model: str
    file: str

    def __str__(self) -> str:
        return f"model {self.model!r}: {self.file} is missing or differs from its recorded SHA-256; it was not loaded"
