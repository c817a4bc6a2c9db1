"""Authenticated encryption bound to a place: sealed bytes open only under their key, where they were put.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. A key seals one document version, so the number of
messages under it stays far below the bound for random nonces.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rag_service.domain.errors import SealBroken

KEY_BYTES = 32
_NONCE_BYTES = 12


def new_key() -> bytes:
    """32 random bytes from the operating system."""
    return os.urandom(KEY_BYTES)


def place(*parts: str | int) -> bytes:
    """Names a place unambiguously: every part is preceded by its length.

    >>> place("ab", "c") == place("a", "bc")
    False
    """
    encoded = [str(part).encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


class Seal:
    """Seals and opens under one key."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plaintext: bytes, at: bytes) -> bytes:
        """``nonce || ciphertext || tag``; the place ``at`` is authenticated with it."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plaintext, at)

    def open(self, sealed: bytes, at: bytes) -> bytes:
        """The plaintext. Raises ``SealBroken`` for a wrong key, another place, or any altered byte."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], at)
        except (InvalidTag, ValueError):
            raise SealBroken from None
