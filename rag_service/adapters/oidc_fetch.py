"""A provider's documents over HTTPS: bounded in size and time, no redirects, no proxies of the environment."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rag_service.domain.errors import InvalidSetting
from rag_service.networks import is_this_machine

if TYPE_CHECKING:
    from pathlib import Path

    from httpx import Response

_MOST_BYTES = 512 * 1024
_DISCOVERY = "/.well-known/openid-configuration"


class ProviderSilent(Exception):
    """The provider gave nothing that can be used; the message says what was wrong, and quotes nothing of it."""


@dataclass(frozen=True)
class ProviderAddress:
    """Where a provider's keys are: at ``jwks_url``, else where its own discovery document says."""

    issuer: str
    jwks_url: str | None = None
    ca_file: Path | None = None
    allows_plain_http: bool = False
    timeout_s: float = 5.0

    def __post_init__(self) -> None:
        for setting, url in (("RAG_OIDC_ISSUER", self.issuer), ("RAG_OIDC_JWKS_URL", self.jwks_url)):
            if url is not None and (problem := self._problem(url)):
                raise InvalidSetting(setting, problem)
        if self.ca_file is not None and not self.ca_file.is_file():
            raise InvalidSetting("RAG_OIDC_CA_FILE", "there is no such file")

    async def keys(self) -> list[Any]:
        """What the provider's key set (RFC 7517) lists, whatever that is. Raises ``ProviderSilent``."""
        from httpx import HTTPError, InvalidURL

        try:
            async with asyncio.timeout(self.timeout_s):
                found = await self._document(self.jwks_url or await self._discovered())
        except TimeoutError:
            raise ProviderSilent("it took too long") from None
        except (HTTPError, InvalidURL, OSError) as error:
            raise ProviderSilent(type(error).__name__) from None
        keys = found.get("keys")
        if not isinstance(keys, list):
            raise ProviderSilent("its keys are no key set")
        return keys

    async def _discovered(self) -> str:
        """The address of the keys (OpenID Connect Discovery 1.0, 4.3: the issuer must be exactly the one asked)."""
        found = await self._document(self.issuer.rstrip("/") + _DISCOVERY)
        if found.get("issuer") != self.issuer:
            raise ProviderSilent("its discovery document is of another issuer")
        url = found.get("jwks_uri")
        if not isinstance(url, str) or self._problem(url):
            raise ProviderSilent("its discovery document names no usable address of keys")
        return url

    async def _document(self, url: str) -> dict[str, Any]:
        """The JSON object at this address. Nothing is unpacked: a small compressed body may be a large one."""
        from httpx import AsyncClient

        is_encrypted = urlsplit(url).scheme == "https"
        verify = await asyncio.to_thread(lambda: self._trusted) if is_encrypted else False
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with (
            AsyncClient(verify=verify, trust_env=False, follow_redirects=False, timeout=self.timeout_s) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            if response.status_code != 200:
                raise ProviderSilent(f"it answers with status {response.status_code}")
            return _json(await _body(response))

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        """Which certificates are believed. Reading them takes a while."""
        return ssl.create_default_context(cafile=self.ca_file)

    def _problem(self, url: str) -> str | None:
        """Why this address is not asked."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port  # a port that is no number raises
        except ValueError:
            return "is no address"
        if parts.scheme not in {"http", "https"} or not host or parts.fragment:
            return "must look like https://login.example.com/realm"
        if parts.username is not None or parts.password is not None:
            return "must hold no password"
        if parts.scheme == "http" and not (self.allows_plain_http or is_this_machine(host)):
            return "must be https, or RAG_OIDC_PLAIN_HTTP must allow otherwise"
        return None


async def _body(response: Response) -> bytes:
    body = bytearray()
    async for some in response.aiter_raw():
        body += some
        if len(body) > _MOST_BYTES:
            raise ProviderSilent(f"it sends more than {_MOST_BYTES} bytes")
    return bytes(body)


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise ProviderSilent("it sends no JSON") from None
    if not isinstance(found, dict):
        raise ProviderSilent("it sends no JSON object")
    return found
