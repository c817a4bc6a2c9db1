"""The parts that can be exchanged, as protocols. Adapters implement them; only ``wiring`` knows which."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from rag_service.domain.answer import Passage, Usage
from rag_service.domain.identity import Role
from rag_service.domain.retrieval import Candidates, SealedPoint, SealedQuery

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class ChunkIndex(Protocol):
    """A derived index of chunks, a collection for each epoch of a tenant's. Its first points say of what dimension it
    is. It holds nothing readable and can always be rebuilt.

    Every adapter passes ``tests/contracts/chunk_index.py``. All methods raise ``IndexUnavailable`` when the index
    cannot answer; none returns a partial result.
    """

    async def upsert(self, collection: str, points: Sequence[SealedPoint]) -> None:
        """The points are durable and visible to the next search. Repeating it changes nothing."""
        ...

    async def delete(self, collection: str, point_ids: Sequence[str]) -> None:
        """The points are gone. Unknown ids and unknown collections are no error."""
        ...

    async def search(self, query: SealedQuery, *, limit: int) -> Candidates:
        """The best ``limit`` points of each branch among those the query's access list admits.

        The access list and filters hold inside each branch, and the IDF of the lexical branch is computed over the
        points that the access list admits: ``ln(1 + (N - n + 0.5) / (n + 0.5))``. A collection that was never
        written has no points.
        """
        ...

    async def exists(self, collection: str) -> bool:
        """Whether the collection was ever written, and its files are still there."""
        ...

    async def point_ids(self, collection: str) -> frozenset[str]:
        """Every point of the collection, for the consistency check."""
        ...

    async def points_of(self, collection: str, document: str) -> frozenset[str]:
        """The points that carry this document token: what following the log is verified against."""
        ...

    async def read(self, collection: str, point_ids: Sequence[str]) -> Mapping[str, SealedPoint]:
        """The points as they are stored, by id, for the consistency check; unknown ids are left out."""
        ...

    async def replace(self, collection: str, points: AsyncIterator[Sequence[SealedPoint]]) -> None:
        """The collection holds exactly these points, and is gone where there are none.

        It is built beside and switched in one step: until then searches see what was there before, and so they do
        where ``points`` raises or the process dies. Nobody else writes to the collection meanwhile.
        """
        ...

    async def collections(self) -> frozenset[str]:
        """Every collection there is, for finding those that belong to nobody."""
        ...

    async def drop(self, collection: str) -> None:
        """The collection and its files are gone."""
        ...

    async def maintain(self) -> None:
        """The upkeep that is due is done (graphs built, idle collections released); searches and writes go on."""
        ...

    async def ready(self) -> None:
        """It can be asked. Raises ``IndexUnavailable``."""
        ...

    async def close(self) -> None:
        """Everything is flushed and released."""
        ...


class Embedder(Protocol):
    """Text to unit vectors. ``fingerprint`` changes with the weights or their preparation."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """The longest input in tokens, special tokens included; what is longer is cut."""
        ...

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (len(texts), dimension), rows of unit length, in the order given. Blocking; thread-safe."""
        ...

    def token_starts(self, text: str) -> list[int]:
        """The code-point offset at which each token of ``text`` begins, ascending, without special tokens."""
        ...


class InjectionClassifier(Protocol):
    """Judges by a model whether texts command a model. ``version`` changes with the weights."""

    @property
    def version(self) -> str: ...

    def score(self, texts: Sequence[str]) -> list[float]:
        """How surely each text is an injection, from 0 to 1, in the order given. Blocking; thread-safe."""
        ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an answerer is given: the parts stand apart, and passage text has no authority.

    Question and passages are as they were opened, hostile characters included: ``query.prompt.messages`` makes of
    them what a model is shown.

    ``fence`` is this request's random marker around passages; ``canary`` a random word of the system part that no
    answer may hold. ``template`` names the version of the wording. With a ``schema`` (JSON Schema) the answer is to be
    one JSON value that it describes.
    """

    system: str
    question: str
    passages: tuple[Passage, ...]
    fence: str
    canary: str
    template: str
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a draft as it is written: untrusted text, whoever wrote it. The last one brings the ``usage``."""

    text: str
    usage: Usage | None = None


class Answerer(Protocol):
    """Writes a draft from a prompt."""

    @property
    def model(self) -> str: ...

    def write(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """The draft, piece by piece. Closing the generator stops the model. Raises ``ModelUnavailable``."""
        ...

    async def close(self) -> None:
        """Whatever it holds open is released."""
        ...


@dataclass(frozen=True, slots=True)
class ClaimedIdentity:
    """Whom a verified token of an identity provider names. The tenant is a name, and may be none of ours."""

    tenant: str
    user: str
    groups: frozenset[str]
    roles: frozenset[Role]


class IdentityProvider(Protocol):
    """Vouches for callers who hold no key of ours. Raises ``Unauthenticated`` and ``IdentityProviderUnavailable``."""

    async def identify(self, token: str) -> ClaimedIdentity: ...

    def recognise(self, token: str) -> ClaimedIdentity | None:
        """Whom the token names, as far as that can be known at once, with nobody asked. ``identify`` has the word."""
        ...


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The secret that a client signs its requests with."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < 32:
            raise ValueError("a signing secret has at least 32 bytes")


class NonceStore(Protocol):
    """Remembers which signed requests came already, for all processes of the service."""

    async def remember(self, key_id: str, nonce: str, until: datetime) -> bool:
        """Whether this is the nonce's first use with this key; it is remembered ``until`` (UTC, without a zone).

        Of two calls at the same time one is told so.
        """
        ...
