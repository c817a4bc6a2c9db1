"""The key hierarchy: the master key wraps tenant keys, a tenant key wraps one key per document version.

    master key ─ wraps ─ tenant key ─ wraps ─ version key ─ seals ─ text, vectors, metadata of one version
                       └ index key (epoch) ─ rotation, term ids, access tokens of one collection

Destroying a wrapped version key erases its version wherever the sealed bytes were copied.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

from rag_service.crypto.derive import derive_key, keyed_token
from rag_service.crypto.index_keys import IndexKeys
from rag_service.crypto.sealing import Seal, new_key, place
from rag_service.domain.errors import SignatureInvalid
from rag_service.domain.identity import Principal, TenantId


@dataclass(frozen=True, slots=True)
class WrappedTenantKeys:
    """A tenant's keys as SQL holds them. ``index_epoch`` changes only when a collection is built anew beside.

    ``embedding`` is the model of that collection's vectors. The index key opens beside no other, but for the first
    epoch, whose key is there before its model is known.
    """

    tenant_key: bytes
    index_key: bytes
    index_epoch: int
    embedding: str | None = None


class KeyVault:
    """Holds the master key: wraps and opens tenant keys, and hashes what must be looked up without a tenant."""

    def __init__(self, master_key: bytes) -> None:
        self._seal = Seal(derive_key(master_key, "wrap tenant keys"))
        self._lookup_key = derive_key(master_key, "lookups")
        self._credential_key = derive_key(master_key, "credentials")
        self._check_key = derive_key(master_key, "folder check")
        self._operator_key = derive_key(master_key, "operator requests")
        self._access_token_key = derive_key(master_key, "access tokens")
        self._open_cached = lru_cache(maxsize=256)(self._open)

    def folder_check(self, folder_id: str) -> str:
        """A token that only this master key makes of this folder's id."""
        return keyed_token(self._check_key, place(folder_id))

    def lookup(self, kind: str, text: str) -> str:
        """A token under which a name is found again, without storing the name."""
        return keyed_token(self._lookup_key, place(kind, text))

    def credential_hash(self, secret: str) -> str:
        """The keyed hash of a random secret. (A password would need a slow hash; our secrets have 256 bits.)"""
        return hmac.digest(self._credential_key, secret.encode(), hashlib.sha256).hex()

    def operator_signature(self, request: bytes) -> str:
        """What shows that whoever holds the master key made this request."""
        return hmac.digest(self._operator_key, request, hashlib.sha256).hex()

    def token_key(self, folder_id: str) -> bytes:
        """What this installation signs its short-lived tokens with: one of another is none of ours."""
        return derive_key(self._access_token_key, folder_id)

    def new_tenant_keys(self, tenant: TenantId) -> WrappedTenantKeys:
        return WrappedTenantKeys(
            tenant_key=self._seal.seal(new_key(), place("tenant key", tenant)),
            index_key=self.new_index_key(tenant, 1, None),
            index_epoch=1,
        )

    def new_index_key(self, tenant: TenantId, epoch: int, embedding: str | None) -> bytes:
        """A fresh key for a collection of the tenant, wrapped for SQL."""
        return self._seal.seal(new_key(), _place_of_index_key(tenant, epoch, embedding))

    def open_tenant_keys(self, tenant: TenantId, wrapped: WrappedTenantKeys) -> TenantKeys:
        """Raises ``SealBroken`` where the wrapped keys are not this tenant's or not under this master key."""
        return self._open_cached(tenant, wrapped)

    def _open(self, tenant: TenantId, wrapped: WrappedTenantKeys) -> TenantKeys:
        tenant_key = self._seal.open(wrapped.tenant_key, place("tenant key", tenant))
        at = _place_of_index_key(tenant, wrapped.index_epoch, wrapped.embedding)
        index_key = self._seal.open(wrapped.index_key, at)
        return TenantKeys(tenant, tenant_key, IndexKeys(tenant, index_key, wrapped.index_epoch))


def _place_of_index_key(tenant: TenantId, epoch: int, embedding: str | None) -> bytes:
    return place("index key", tenant, epoch, *([] if epoch == 1 else [embedding or ""]))


class TenantKeys:
    """All that one tenant's keys do."""

    def __init__(self, tenant: TenantId, key: bytes, index: IndexKeys) -> None:
        self.tenant = tenant
        self.index = index
        self._wrap = Seal(derive_key(key, "wrap version keys"))
        self._names = Seal(derive_key(key, "names"))
        self._token_key = derive_key(key, "tokens")
        self._sign_key = derive_key(key, "sign chunks")
        self._row_key = derive_key(key, "rows")
        self.pseudonym_key = derive_key(key, "pseudonyms")

    def principal_token(self, principal: Principal) -> str:
        """How SQL's access lists name a principal."""
        return self.token("principal", str(principal))

    def token(self, kind: str, text: str) -> str:
        """A stable token of a name or value, meaningless in any other tenant."""
        return keyed_token(self._token_key, place(kind, text))

    def seal_name(self, kind: str, name: str, *at: str) -> bytes:
        """A name, sealed for the row that ``at`` names: it opens in no other."""
        return self._names.seal(name.encode(), place(kind, self.tenant, *at))

    def open_name(self, kind: str, sealed: bytes, *at: str) -> str:
        """Raises ``SealBroken`` where the name was sealed for another tenant, kind or row."""
        return self._names.open(sealed, place(kind, self.tenant, *at)).decode()

    def new_version_key(self, document: str, version: int) -> tuple[VersionSeal, bytes]:
        """A fresh key for one version, and the same key wrapped for SQL."""
        key = new_key()
        at = place("version key", self.tenant, document, version)
        return VersionSeal(key, self.tenant, document, version), self._wrap.seal(key, at)

    def open_version_key(self, document: str, version: int, wrapped: bytes) -> VersionSeal:
        """Raises ``SealBroken`` where ``wrapped`` belongs to another tenant, document or version."""
        key = self._wrap.open(wrapped, place("version key", self.tenant, document, version))
        return VersionSeal(key, self.tenant, document, version)

    def new_upload_key(self, job: str) -> tuple[VersionSeal, bytes]:
        """A fresh key for one accepted upload, and the same key wrapped for SQL."""
        key = new_key()
        return VersionSeal(key, self.tenant, job, 0), self._wrap.seal(key, place("upload key", self.tenant, job))

    def open_upload_key(self, job: str, wrapped: bytes) -> VersionSeal:
        """Raises ``SealBroken`` where ``wrapped`` belongs to another tenant or upload."""
        return VersionSeal(self._wrap.open(wrapped, place("upload key", self.tenant, job)), self.tenant, job, 0)

    def mac(self, kind: str, *fields: str) -> bytes:
        """What shows that we wrote these fields of a row (HMAC-SHA256)."""
        return hmac.digest(self._row_key, place(kind, self.tenant, *fields), hashlib.sha256)

    def sign(self, record: bytes, document: str, version: int, chunk: str) -> bytes:
        """The tenant's signature of a chunk's record, in its place."""
        return hmac.digest(self._sign_key, place(self.tenant, document, version, chunk) + record, hashlib.sha256)

    def verify(self, signature: bytes, record: bytes, document: str, version: int, chunk: str) -> None:
        """Raises ``SignatureInvalid`` unless ``sign`` made the signature of this record in this place."""
        if not hmac.compare_digest(signature, self.sign(record, document, version, chunk)):
            raise SignatureInvalid


class VersionSeal:
    """Seals the parts of one document version; each part opens only as what it was sealed as."""

    __slots__ = ("_at", "_seal")

    def __init__(self, key: bytes, tenant: TenantId, document: str, version: int) -> None:
        self._seal = Seal(key)
        self._at = place(tenant, document, version)

    def seal(self, plaintext: bytes, part: str, chunk: str = "") -> bytes:
        return self._seal.seal(plaintext, self._at + place(part, chunk))

    def open(self, sealed: bytes, part: str, chunk: str = "") -> bytes:
        """Raises ``SealBroken`` for bytes of another tenant, document, version, chunk or part."""
        return self._seal.open(sealed, self._at + place(part, chunk))
