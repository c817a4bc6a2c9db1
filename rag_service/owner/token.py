"""Operator tokens: each shows, for one request and for a minute, that whoever asks holds the master key."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time

from rag_service.crypto.sealing import place
from rag_service.folder import DataFolder

LIFETIME_S = 60
_AHEAD_S = 5
_TOKEN = re.compile(r"Operator (\d{1,12})\.([0-9a-f]{32})\.([0-9a-f]{64})", re.ASCII)


def operator_token(folder: DataFolder, method: str, path: str, body: bytes) -> str:
    """The value of the ``Authorization`` header of this one request to this folder's holder."""
    moment, nonce = str(int(time.time())), secrets.token_hex(16)
    return f"Operator {moment}.{nonce}.{_signature(folder, method, path, body, moment, nonce)}"


class Gate:
    """Admits requests that carry a token of their own, each token once."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._spent: dict[str, int] = {}

    def admits(self, token: str, method: str, path: str, body: bytes) -> bool:
        """Whether the token was made from the master key for exactly this request, lately, and is used the first time.

        Only tokens that are right are remembered, so nobody else can make this memory grow.
        """
        if not (parts := _TOKEN.fullmatch(token)):
            return False
        moment, nonce, signature = parts.groups()
        right = _signature(self._folder, method, path, body, moment, nonce)
        age = time.time() - int(moment)
        if not hmac.compare_digest(signature, right) or not -_AHEAD_S <= age <= LIFETIME_S or nonce in self._spent:
            return False
        oldest = time.time() - LIFETIME_S - _AHEAD_S
        self._spent = {one: made for one, made in self._spent.items() if made > oldest} | {nonce: int(moment)}
        return True


def _signature(folder: DataFolder, method: str, path: str, body: bytes, moment: str, nonce: str) -> str:
    digest = hashlib.sha256(body).hexdigest()
    return folder.vault.operator_signature(place(folder.id, method, path, digest, moment, nonce))
