"""Signing requests to the service, for its clients. Needs nothing but the standard library.

The signature is an HTTP Message Signature (RFC 9421) with HMAC-SHA256; any library for those serves as well.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

_ENCODED_URL = re.compile(r"[!-~]+")
_QUOTABLE = re.compile(r"[!#-\[\]-~]+")


def sign_request(
    method: str,
    url: str,
    *,
    key_id: str,
    secret: str | bytes,
    body: bytes | None = None,
    content_type: str | None = None,
    created: int | None = None,
    nonce: str | None = None,
) -> dict[str, str]:
    """The headers that sign the request; send it with them, once, and with nothing of it changed.

    ``url`` is as it is sent, percent-encoded. ``body`` is what is sent, before any transfer coding, and goes together
    with its ``content_type``. A ``secret`` that is text is used as it is printed, in ASCII. Each call makes another
    nonce, so a request that is repeated has to be signed again.

    >>> headers = sign_request("GET", "https://rag.example/v1/tenants/acme/documents?limit=5",
    ...     key_id="0011223344556677", secret="a secret", created=1700000000, nonce="0123456789abcdef")
    >>> headers["Signature-Input"].partition(";")[0]
    'sig=("@method" "@path" "@query")'

    Raises ValueError for a URL that is not encoded, or a body without its type.
    """
    if not _ENCODED_URL.fullmatch(url):
        raise ValueError("the URL must be percent-encoded, as it is sent")
    parts = urlsplit(url)
    covered = [("@method", method.upper()), ("@path", parts.path or "/"), ("@query", f"?{parts.query}")]
    headers = {}
    if body:
        if content_type is None:
            raise ValueError("a body is signed together with its content type")
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        headers["Content-Digest"] = f"sha-256=:{digest}:"
        covered += [("content-digest", headers["Content-Digest"]), ("content-type", content_type.strip())]
    nonce = nonce or secrets.token_urlsafe(24)
    if not _QUOTABLE.fullmatch(nonce) or not _QUOTABLE.fullmatch(key_id):
        raise ValueError("nonce and key id must be printable ASCII")
    names = " ".join(f'"{name}"' for name, _ in covered)
    stamped = int(time.time()) if created is None else created
    parameters = f'({names});created={stamped};nonce="{nonce}";keyid="{key_id}";alg="hmac-sha256"'
    headers["Signature-Input"] = f"sig={parameters}"
    headers["Signature"] = f"sig=:{signature(covered, parameters, secret)}:"
    return headers


def signature(covered: Sequence[tuple[str, str]], parameters: str, secret: str | bytes) -> str:
    """The signature in base64 over components and their values, by RFC 9421, sections 2.5 and 3.3.3."""
    lines = [f'"{name}": {value}' for name, value in [*covered, ("@signature-params", parameters)]]
    key = secret.encode("ascii") if isinstance(secret, str) else secret
    return base64.b64encode(hmac.digest(key, "\n".join(lines).encode("ascii"), "sha256")).decode()
