"""What the vector index may see: rotated vectors, hashed terms, hashed access lists.

The rotation is an orthogonal matrix, so inner products are unchanged. It keeps off-the-shelf inversion and any mixing
of tenants out; it is not encryption (see the threat model).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from rag_service.crypto.derive import derive_key, keyed_token
from rag_service.crypto.sealing import place
from rag_service.domain.identity import AccessScope, Principal, TenantId
from rag_service.domain.retrieval import SealedPoint, SealedQuery

if TYPE_CHECKING:
    from rag_service.domain.document import Vector


class IndexKeys:
    """One tenant's index key in one epoch. The only maker of ``SealedPoint`` and ``SealedQuery``."""

    def __init__(self, tenant: TenantId, key: bytes, epoch: int) -> None:
        self.tenant = tenant
        self.epoch = epoch
        self._rotation_key = derive_key(key, "rotation")
        self._term_key = derive_key(key, "terms")
        self._token_key = derive_key(key, "tokens")
        self._rotations: dict[int, Vector] = {}

    @cached_property
    def collection(self) -> str:
        """The collection's name: hex, and no part of it from user text."""
        return keyed_token(self._token_key, place("collection", self.epoch))

    @property
    def vector_part(self) -> str:
        """What a vector of this epoch is sealed as: it opens as no other epoch's, nor as a discarded one's."""
        return "vector" if self.epoch == 1 else f"vector {self.collection}"

    def rotate(self, vector: Vector) -> Vector:
        """The vector (last axis: dimension) under this tenant's rotation; float32."""
        dimension = int(vector.shape[-1])
        if dimension not in self._rotations:
            self._rotations[dimension] = orthogonal_matrix(self._rotation_key, dimension)
        rotated: Vector = vector @ self._rotations[dimension]
        return rotated

    def term_id(self, term: str) -> int:
        """32 keyed bits of a term, as sparse indices are 32 bit."""
        digest = hashlib.blake2b(term.encode(), digest_size=4, key=self._term_key)
        return int.from_bytes(digest.digest(), "big")

    def seal_point(
        self,
        *,
        point_id: str,
        vector: Vector,
        terms: Mapping[str, float],
        access: Iterable[Principal],
        document_id: str,
        source: str,
    ) -> SealedPoint:
        ids, weights = self._seal_terms(terms)
        return SealedPoint(
            point_id=point_id,
            vector=self.rotate(vector),
            term_ids=ids,
            term_weights=weights,
            access=sorted(self._token("access", str(principal)) for principal in access),
            document=self.document_token(document_id),
            source=self._token("source", source),
        )

    def document_token(self, document_id: str) -> str:
        """How the index names a document."""
        return self._token("document", document_id)

    def seal_query(
        self,
        scope: AccessScope,
        *,
        vector: Vector,
        terms: Mapping[str, float],
        documents: Iterable[str] | None = None,
        sources: Iterable[str] | None = None,
    ) -> SealedQuery:
        """A query that can match only what ``scope`` may read. Raises ValueError for another tenant's scope."""
        if scope.tenant != self.tenant:
            raise ValueError("a scope of one tenant never meets the index keys of another")
        ids, weights = self._seal_terms(terms)
        return SealedQuery(
            collection=self.collection,
            vector=self.rotate(vector),
            term_ids=ids,
            term_weights=weights,
            access=frozenset(self._token("access", str(principal)) for principal in scope.principals),
            documents=None if documents is None else frozenset(map(self.document_token, documents)),
            sources=None if sources is None else frozenset(self._token("source", one) for one in sources),
        )

    def _token(self, kind: str, text: str) -> str:
        return keyed_token(self._token_key, place(kind, text))

    def _seal_terms(self, terms: Mapping[str, float]) -> tuple[list[int], list[float]]:
        weights: dict[int, float] = {}
        for term, weight in terms.items():
            identifier = self.term_id(term)
            weights[identifier] = weights.get(identifier, 0.0) + weight
        return list(weights), list(weights.values())


def orthogonal_matrix(key: bytes, dimension: int) -> Vector:
    """A random orthogonal matrix (dimension, dimension) that depends on the key alone; float32.

    QR of a Gaussian matrix with the signs of R's diagonal made positive is uniform over rotations and reflections
    (Mezzadri, "How to generate random matrices from the classical compact groups", 2007). The Gaussians come from a
    ChaCha20 key stream by Box and Muller's method, so that the matrix is the same with every version of NumPy.
    """
    import numpy as np
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

    count = dimension * dimension
    stream = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(16 * count))
    uniform = (np.frombuffer(stream, dtype="<u8") >> np.uint64(11)).astype(np.float64) * 2.0**-53
    radius = np.sqrt(-2.0 * np.log1p(-uniform[:count]))
    gaussian = (radius * np.cos(2.0 * np.pi * uniform[count:])).reshape(dimension, dimension)
    q, r = np.linalg.qr(gaussian)
    return np.ascontiguousarray(q * np.sign(np.diagonal(r)), dtype=np.float32)
