"""An identity provider on the loopback interface: real HTTP, real keys, tokens signed by another library's hand.

with identity_provider() as provider: provider.token(SIGNERS["RS256"], tenant="acme", sub="ann")
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

AUDIENCE = "https://rag.example"
KEYS_PATH, DISCOVERY_PATH = "/keys", "/.well-known/openid-configuration"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _integer(number: int) -> str:
    return encoded(number.to_bytes((number.bit_length() + 7) // 8, "big"))


@dataclass(frozen=True)
class Signer:
    """A private key of the provider, made when first used."""

    key_id: str
    algorithm: str
    bits: int = 2048

    @cached_property
    def key(self) -> Any:
        match self.algorithm:
            case "ES256":
                return ec.generate_private_key(ec.SECP256R1())
            case "EdDSA":
                return ed25519.Ed25519PrivateKey.generate()
            case _:
                return rsa.generate_private_key(65537, self.bits)

    @property
    def listing(self) -> dict[str, Any]:
        """The public key as a key set lists it (RFC 7517, RFC 8037)."""
        shared = {"kid": self.key_id, "alg": self.algorithm, "use": "sig"}
        public = self.key.public_key()
        match self.algorithm:
            case "ES256":
                point = public.public_numbers()
                x, y = (encoded(number.to_bytes(32, "big")) for number in (point.x, point.y))
                return {**shared, "kty": "EC", "crv": "P-256", "x": x, "y": y}
            case "EdDSA":
                return {**shared, "kty": "OKP", "crv": "Ed25519", "x": encoded(public.public_bytes_raw())}
            case _:
                numbers = public.public_numbers()
                return {**shared, "kty": "RSA", "n": _integer(numbers.n), "e": _integer(numbers.e)}

    def sign(self, message: bytes) -> bytes:
        match self.algorithm:
            case "ES256":
                r, s = decode_dss_signature(self.key.sign(message, ec.ECDSA(hashes.SHA256())))
                return r.to_bytes(32, "big") + s.to_bytes(32, "big")
            case "EdDSA":
                signature: bytes = self.key.sign(message)
                return signature
            case "PS256":
                return bytes(self.key.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()))
            case _:
                return bytes(self.key.sign(message, padding.PKCS1v15(), hashes.SHA256()))


SIGNERS = {name: Signer(f"{name}-1", name) for name in ("RS256", "PS256", "ES256", "EdDSA")}
"""One a test run, of each algorithm: making an RSA key takes a while."""


def compact(header: dict[str, Any] | str, claims: dict[str, Any] | str, sign: Callable[[bytes], bytes]) -> str:
    """Header and claims as a token (RFC 7515): as they are where they are text, however wrong."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    message = ".".join(encoded(part.encode()) for part in parts)
    return f"{message}.{encoded(sign(message.encode()))}"


@dataclass
class Reply:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    until: threading.Event | None = None
    """The reply is held back until this is set."""


@dataclass
class Provider:
    """A provider that is running. What it replies can be changed; what it was asked is kept."""

    issuer: str
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    keys_asked: threading.Event = field(default_factory=threading.Event)

    def lists(self, *listings: Any) -> None:
        """From now on its key set holds these."""
        self.replies[KEYS_PATH] = Reply(body=json.dumps({"keys": listings}).encode())

    def describes(self, **changes: Any) -> None:
        """From now on its discovery document says this."""
        document = {"issuer": self.issuer, "jwks_uri": self.issuer + KEYS_PATH, **changes}
        self.replies[DISCOVERY_PATH] = Reply(body=json.dumps(document).encode())

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a good token, changed; ``None`` leaves one out."""
        now = int(time.time())
        good = {"iss": self.issuer, "aud": AUDIENCE, "sub": "ann", "tenant": "acme", "iat": now, "exp": now + 300}
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def token(self, signer: Signer = SIGNERS["EdDSA"], /, **changes: Any) -> str:
        header = {"alg": signer.algorithm, "kid": signer.key_id, "typ": "at+jwt"}
        return compact(header, self.claims(**changes), signer.sign)


@contextmanager
def identity_provider() -> Iterator[Provider]:
    """A provider that lists a key of each algorithm, until the context ends."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked.append(self.path)
            if self.path == KEYS_PATH:
                provider.keys_asked.set()
            reply = provider.replies.get(self.path, Reply(404))
            if reply.until is not None:
                reply.until.wait(10)
            with contextlib.suppress(ConnectionError):  # whoever asked may have gone away
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        provider = Provider(f"http://127.0.0.1:{server.server_port}")
        provider.describes()
        provider.lists(*(signer.listing for signer in SIGNERS.values()))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
