"""HTTP Message Signatures (RFC 9421) with HMAC-SHA256 and Content-Digest (RFC 9530): parsing and verifying.

``http-message-signatures`` builds the signature base and verifies. It parses structured fields with ``http-sf`` (by an
author of RFC 9651), refuses duplicate labels and components, and gives the shared secret to HMAC alone. What it leaves
to its callers is decided here, more narrowly than the RFC allows: one signature, no component parameters, no field that
came twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from rag_service.domain.errors import Unauthenticated

if TYPE_CHECKING:
    from http_message_signatures import HTTPMessageVerifier

ALGORITHM = "hmac-sha256"
LEEWAY_S = 30
"""By how much the clocks of a signer and of the service may differ."""

_DERIVED = frozenset({"@method", "@path", "@query"})
"""What the service knows of a request as its client sent it; a proxy may have changed scheme and authority."""
_PARAMETERS = frozenset({"created", "expires", "nonce", "keyid", "alg"})
_FIELD = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_KEY_ID = re.compile(r"[!-~]{1,64}")
_NONCE = re.compile(r"[!-~]{16,128}")
_LONGEST_FIELD = 4096


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """What a signature can cover of a request, spelled as it was sent: ``target`` is path and query, still encoded."""

    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    authority: str = "service.invalid"

    def only(self, name: str) -> str:
        """The value of a field that came exactly once. Raises ``Unauthenticated``."""
        values = [value for field, value in self.fields if field == name]
        if len(values) != 1:
            raise Unauthenticated
        return values[0]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a signature says of itself. It is worth nothing until the signature is verified."""

    key_id: str
    nonce: str
    created: int
    covered: frozenset[str]


def claim_of(message: SignedMessage) -> Claim:
    """What the one signature of the message claims.

    Raises ``Unauthenticated`` where there is none, where there are two, and for whatever could be read in two ways.
    """
    inputs = _dictionary(message.only("signature-input"))
    if len(inputs) != 1:
        raise Unauthenticated
    [(components, parameters)] = inputs.values()
    if not isinstance(components, list) or parameters.keys() - _PARAMETERS:
        raise Unauthenticated
    covered = frozenset(_component(item, message) for item in components)
    key_id, nonce, created = (parameters.get(name) for name in ("keyid", "nonce", "created"))
    if type(key_id) is not str or type(nonce) is not str or type(created) is not int:
        raise Unauthenticated
    if not _KEY_ID.fullmatch(key_id) or not _NONCE.fullmatch(nonce) or parameters.get("alg", ALGORITHM) != ALGORITHM:
        raise Unauthenticated
    return Claim(key_id, nonce, created, covered)


def is_signed_with(message: SignedMessage, key_id: str, secret: bytes, max_age_s: int | None) -> bool:
    """Whether the signature is right and of the last ``max_age_s`` seconds. Secrets are compared in constant time.

    It may have a creation time that is ``LEEWAY_S`` ahead, and as much older.
    """
    from http_message_signatures import HTTPMessageSignaturesException, MappingKeyResolver, algorithms

    verifier = _verifier_class()(
        signature_algorithm=algorithms.HMAC_SHA256,
        key_resolver=MappingKeyResolver(public_keys={key_id: secret}, private_keys={}),
    )
    try:
        verifier.verify(_Message(message), max_age=None if max_age_s is None else timedelta(seconds=max_age_s))
    except HTTPMessageSignaturesException:
        return False
    return True


def digest_in(message: SignedMessage) -> bytes:
    """The SHA-256 that ``Content-Digest`` gives, as its only entry. Raises ``Unauthenticated``."""
    entries = _dictionary(message.only("content-digest"))
    value, parameters = entries.get("sha-256", (None, {}))
    if len(entries) != 1 or not isinstance(value, bytes) or len(value) != 32 or parameters:
        raise Unauthenticated
    return value


@cache
def _verifier_class() -> type[HTTPMessageVerifier]:
    from http_message_signatures import HTTPMessageVerifier

    class Verifier(HTTPMessageVerifier):
        max_clock_skew = timedelta(seconds=LEEWAY_S)

    return Verifier


class _Message:
    """A message in the shape that the library reads."""

    def __init__(self, message: SignedMessage) -> None:
        self.method = message.method
        self.url = f"http://{message.authority}{message.target}"
        self.headers = self
        self._fields = message.fields

    def items(self) -> tuple[tuple[str, str], ...]:
        return self._fields


def _component(item: object, message: SignedMessage) -> str:
    match item:
        case (str(name), dict(parameters)) if type(name) is str and not parameters:
            if name in _DERIVED:
                return name
            if _FIELD.fullmatch(name):
                message.only(name)
                return name
    raise Unauthenticated


def _dictionary(value: str) -> dict[str, tuple[object, dict[str, object]]]:
    import http_sf

    def refuse(_key: str, _context: str) -> NoReturn:
        raise Unauthenticated  # the first or the last? Others may choose differently

    if len(value) > _LONGEST_FIELD or not value.isascii():
        raise Unauthenticated
    try:
        parsed = http_sf.parse(value.encode("ascii"), tltype="dictionary", on_duplicate_key=refuse)
    except (ValueError, TypeError):
        raise Unauthenticated from None
    return {name: _parted(member) for name, member in parsed.items()} if isinstance(parsed, dict) else {}


def _parted(member: object) -> tuple[object, dict[str, object]]:
    """An entry and its parameters."""
    match member:
        case (entry, dict(parameters)):
            return entry, parameters
    raise Unauthenticated
