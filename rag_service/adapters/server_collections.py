"""The physical collections of a Qdrant server, and the aliases that lead to them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from rag_service.adapters.server_connection import WRITE_PATIENCE, AbsentError, ServerConnection
from rag_service.adapters.server_requests import ACCESS, DOCUMENT, SOURCE, CollectionLayout
from rag_service.domain.errors import IndexUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from qdrant_client import AsyncQdrantClient, models

SETTLING_S = 0.5
"""How long a node may take to hear of an alias, once it has heard of the collection behind it."""
_T = TypeVar("_T")


class ServerCollections:
    """Makes, switches and removes collections. One process at a time does so; within it, one task a collection."""

    def __init__(self, connection: ServerConnection, layout: CollectionLayout) -> None:
        self._connection = connection
        self._layout = layout
        self._building: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._led: dict[str, str] = {}

    def building(self, collection: str) -> asyncio.Lock:
        """Held while a side of the collection is made, switched or removed."""
        return self._building[self._layout.alias(collection)]

    async def found(
        self,
        operation: str,
        collection: str,
        work: Callable[[AsyncQdrantClient, str], Awaitable[_T]],
        *,
        patience: float = 1.0,
    ) -> _T | None:
        """What ``work`` returned, or None where the server says in as many words that there is no such collection.

        "Not found" alone is not believed: it may come from a proxy, or from a node that has not yet heard of a
        move of the alias, and an empty answer would pass for a true one.
        """
        alias = self._layout.alias(collection)
        for _ in range(2):
            try:
                return await self._connection.call(operation, lambda client: work(client, alias), patience=patience)
            except AbsentError:
                if not await self.is_there(collection):
                    return None
        raise IndexUnavailable(f"{operation}: the collection is there, and the server's answer cannot be used")

    async def is_there(self, collection: str) -> bool:
        """Whether the alias leads to a physical collection."""
        alias = self._layout.alias(collection)
        return await self._call("exists", lambda client: client.collection_exists(alias), patience=1.0)

    async def begin(self, collection: str, dimension: int) -> None:
        """The collection is there, and where it was not, empty and for vectors of this dimension.

        Sides that no alias led to are never taken up.

        A node of a cluster that has not yet heard of the alias must not cost us what it leads to: it is asked again
        before a side is removed, and once more after a side was made, which it could not do without catching up.
        """
        async with self.building(collection):
            sides = self._layout.sides(collection)
            if await self.is_there(collection):
                return
            if any([await self._side_is_there(side) for side in sides]):
                await asyncio.sleep(SETTLING_S)
                if await self.is_there(collection):
                    return
            for side in sides:
                await self.remove(side)
            await self.make(sides[0], dimension)
            if await self.live_side(collection) is not None:
                await self.remove(sides[0])
                raise IndexUnavailable("upsert: the nodes of the cluster do not agree yet")
            await self.lead(collection, sides[0])

    async def make(self, side: str, dimension: int) -> None:
        """The side is new and empty, with its payload indexes: the graph is made for those that stand before points."""
        from qdrant_client import models

        async def anew(client: AsyncQdrantClient) -> None:
            if await client.collection_exists(side):
                await client.delete_collection(side)
            await client.create_collection(side, **self._layout.creation(dimension))
            for field in (ACCESS, DOCUMENT, SOURCE):
                keyword = models.PayloadSchemaType.KEYWORD
                require_applied(await client.create_payload_index(side, field, keyword, wait=True))

        await self._call("create", anew)

    async def write(self, side: str, work: Callable[[AsyncQdrantClient, str], Awaitable[_T]]) -> _T:
        """What ``work`` did to a physical collection that no alias leads to yet."""
        return await self._call("replace", lambda client: work(client, side))

    async def lead(self, collection: str, side: str) -> None:
        """The alias leads to this side: in one step, whether or not it led elsewhere before."""
        from qdrant_client import models

        step = models.CreateAlias(collection_name=side, alias_name=self._layout.alias(collection))
        moved = [models.CreateAliasOperation(create_alias=step)]
        if not await self._call("alias", lambda client: client.update_collection_aliases(moved)):
            raise IndexUnavailable("alias: the server did not move it")
        self._led[self._layout.alias(collection)] = side

    async def drop(self, collection: str) -> None:
        """Both sides are gone, and the alias with the live one."""
        async with self.building(collection):
            await self.empty(collection)

    async def empty(self, collection: str) -> None:
        """As ``drop``, for whoever holds ``building``."""
        self._led.pop(self._layout.alias(collection), None)
        for side in self._layout.sides(collection):
            await self.remove(side)

    async def remove(self, side: str) -> None:
        """The physical collection is gone, and with it the alias that led to it."""

        async def gone(client: AsyncQdrantClient) -> None:
            if await client.collection_exists(side):
                await client.delete_collection(side)

        await self._call("drop", gone)

    async def live_side(self, collection: str) -> str | None:
        """The physical collection that the alias leads to. Raises where a node has not heard of our last move."""
        alias = self._layout.alias(collection)
        side = (await self._leading()).get(alias)
        if self._led.get(alias, side) != side:
            raise IndexUnavailable("alias: the nodes of the cluster do not agree yet")
        return side

    async def names(self) -> frozenset[str]:
        """Every collection of this prefix, half-built ones included."""
        return frozenset((await self._sides()).values())

    async def tidy(self) -> None:
        """Sides that no alias leads to, and nobody here is building, are gone: a crash or a lost answer left them."""
        sides, leading = await self._sides(), await self._leading()
        for side, collection in sides.items():
            if leading.get(self._layout.alias(collection)) == side:
                continue
            async with self.building(collection):
                if await self.live_side(collection) != side:  # by now it may have become the live one
                    await self.remove(side)

    async def _side_is_there(self, side: str) -> bool:
        return await self._call("exists", lambda client: client.collection_exists(side), patience=1.0)

    async def _sides(self) -> Mapping[str, str]:
        """The physical collections of this prefix, each with the collection that it is a side of."""
        listed = await self._call("collections", lambda client: client.get_collections(), patience=1.0)
        named = {one.name: self._layout.collection_of(one.name) for one in listed.collections}
        return {side: collection for side, collection in named.items() if collection is not None}

    async def _leading(self) -> Mapping[str, str]:
        listed = await self._call("aliases", lambda client: client.get_aliases(), patience=1.0)
        return {one.alias_name: one.collection_name for one in listed.aliases}

    async def _call(
        self, operation: str, work: Callable[[AsyncQdrantClient], Awaitable[_T]], *, patience: float = WRITE_PATIENCE
    ) -> _T:
        try:
            return await self._connection.call(operation, work, patience=patience)
        except AbsentError:
            raise IndexUnavailable(f"{operation}: the server's answer cannot be used") from None


def require_applied(result: models.UpdateResult) -> None:
    """Raises where a write is only queued: what was acknowledged must be visible to the next search."""
    from qdrant_client import models

    if result.status is not models.UpdateStatus.COMPLETED:
        raise IndexUnavailable(f"a write is queued and not yet applied ({result.status})")
