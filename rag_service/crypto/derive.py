"""Keys and tokens derived from keys: HKDF and HMAC with SHA-256."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

TOKEN_BYTES = 16


def derive_key(key: bytes, purpose: str) -> bytes:
    """A key for one purpose only (RFC 5869, expand step: ``key`` is uniformly random already)."""
    return HKDFExpand(algorithm=SHA256(), length=32, info=purpose.encode()).derive(key)


def keyed_token(key: bytes, at: bytes) -> str:
    """A stable token of 128 bits as hex: equal for equal inputs, and telling nothing without the key."""
    return hmac.digest(key, at, hashlib.sha256)[:TOKEN_BYTES].hex()
