"""Signed requests: whoever records one, or stands in between, can neither change nor repeat it.

A signature (RFC 9421, HMAC-SHA256) covers method, path and query as they were sent, and of a body its digest
(RFC 9530) and its content type: with another boundary the same bytes are another form. It is good for some minutes and
once. Everything that is wrong is the same ``Unauthenticated``.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from fastapi import Request

from rag_service.adapters.http_signatures import LEEWAY_S, SignedMessage, claim_of, digest_in, is_signed_with
from rag_service.domain.errors import Unauthenticated
from rag_service.ports import NonceStore, SigningKey
from rag_service.web.limits import is_upload, may_have_body

_TARGET = frozenset({"@method", "@path", "@query"})
_BODY = frozenset({"content-digest", "content-type"})


class Recorded(Unauthenticated):
    """The signature is right, but it came before or with another body: whoever sends it need not be the signer."""


def carries_signature(request: Request) -> bool:
    """Whether the request claims to be signed; one header of the two is enough."""
    return "signature" in request.headers or "signature-input" in request.headers


async def verify_signature(
    request: Request,
    find_secret: Callable[[str], Awaitable[SigningKey | None]],
    nonces: NonceStore,
    *,
    max_age_s: int,
) -> str:
    """The id of the key that signed the request, which comes for the first time.

    The body of an upload is not here yet: whoever reads it does so through ``body_as_signed``. Nonces are spent only
    by signatures that are right, so nobody else can spend a client's, or fill the store. Asked again about the same
    request, it answers the same.

    Raises ``Unauthenticated`` for everything that is wrong, which includes ``Recorded``.
    """
    if signer := getattr(request.state, "signed_by", None):
        return str(signer)
    message = _as_sent(request)
    claim = claim_of(message)
    body = await _body(request)
    needed = _TARGET | (_BODY if body or is_upload(request.scope) else frozenset())
    if not needed <= claim.covered:
        raise Unauthenticated
    key = await find_secret(claim.key_id)
    if key is None or not is_signed_with(message, claim.key_id, key.secret, max_age_s):
        raise Unauthenticated
    if is_upload(request.scope):
        request.state.awaited_digest = digest_in(message)
    elif "content-digest" in claim.covered and not _is_same(hashlib.sha256(body).digest(), digest_in(message)):
        raise Recorded
    until = datetime.fromtimestamp(claim.created, UTC) + timedelta(seconds=max_age_s + 2 * LEEWAY_S)
    if not await nonces.remember(claim.key_id, claim.nonce, until.replace(tzinfo=None)):
        raise Recorded
    request.state.signed_by = claim.key_id
    return claim.key_id


async def body_as_signed(request: Request) -> AsyncGenerator[bytes, None]:
    """The body as it comes; if it was signed, it ends only if it is the one that was.

    A form is complete when its reader has seen the end, so nothing is done with a body that ends otherwise.

    Raises ``Unauthenticated`` at the end of another body.
    """
    awaited: bytes | None = getattr(request.state, "awaited_digest", None)
    digest = hashlib.sha256()
    async for some in request.stream():
        if awaited is not None:
            digest.update(some)
        yield some
    if awaited is not None and not _is_same(digest.digest(), awaited):
        raise Unauthenticated


def _as_sent(request: Request) -> SignedMessage:
    """The request in its client's spelling, if that is what it was routed by."""
    scope = request.scope
    path = scope.get("raw_path") or b""
    query = scope["query_string"]
    try:
        target = (path + (b"?" + query if query else b"")).decode("ascii")
    except UnicodeDecodeError:
        raise Unauthenticated from None
    if not path.startswith(b"/") or b"?" in path or "#" in target or unquote(path.decode("ascii")) != scope["path"]:
        raise Unauthenticated
    return SignedMessage(scope["method"], target, tuple(request.headers.items()))


async def _body(request: Request) -> bytes:
    """The body, which ``BodyLimit`` has bounded; that of an upload stays unread, and some methods have none."""
    if is_upload(request.scope):
        return b""
    if not may_have_body(request.scope):
        if "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0":
            raise Unauthenticated
        return b""
    return await request.body()


def _is_same(found: bytes, signed: bytes) -> bool:
    return hmac.compare_digest(found, signed)
