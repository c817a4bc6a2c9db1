"""Groups: what is changed holds at once, and nesting ends after one level."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import insert

from rag_service.authentication import operate
from rag_service.domain.errors import InvalidRequest
from rag_service.domain.identity import Principal
from rag_service.store import groups as groups_module
from rag_service.store import tables
from rag_service.store.groups import Groups
from tests.databases import opened
from tests.store.queued import over

Run = Callable[[Any], Any]


class Acme:
    """The groups of one tenant."""

    def __init__(self, path: Path) -> None:
        self.database = opened(path)
        self.groups = Groups(self.database)

    async def __aenter__(self) -> Self:
        self.tenant = await over(self.database).tenant("acme")
        self.operator, self.keys = operate(self.tenant), self.tenant.keys
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.database.close()

    async def set(self, group: str, users: list[str], *inner: str) -> None:
        await self.groups.set(self.operator, self.keys, group, users, inner)

    async def of(self, user: str) -> set[str]:
        return set(await self.groups.of_user(self.operator, self.keys, user))


def test_a_user_is_in_their_groups_and_in_those_that_hold_them(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with Acme(tmp_path) as acme:
            await acme.set("crew", ["ann", "bob"])
            await acme.set("staff", ["cyd"], "crew")
            await acme.set("board", ["ann"])
            assert [await acme.of(user) for user in ("ann", "bob", "cyd", "dee")] == [
                {"crew", "staff", "board"}, {"crew", "staff"}, {"staff"}, set()
            ]  # fmt: skip
            await acme.set("crew", ["bob"])
            assert [await acme.of(user) for user in ("ann", "bob")] == [{"board"}, {"crew", "staff"}]
            await acme.set("staff", ["cyd"])
            assert await acme.of("bob") == {"crew"}

    run(scenario())


def test_groups_that_would_nest_deeper_are_refused_from_either_end(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with Acme(tmp_path) as acme:
            await acme.set("inner", ["ann"])
            await acme.set("middle", [], "inner")
            for group, held in (("outer", "middle"), ("inner", "innermost"), ("inner", "middle"), ("self", "self")):
                with pytest.raises(InvalidRequest, match="one level"):
                    await acme.set(group, [], held)
            assert await acme.of("ann") == {"inner", "middle"}

    run(scenario())


def test_two_that_would_nest_deeper_together_are_not_both_taken(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with Acme(tmp_path) as acme:
            ended = await asyncio.gather(
                acme.set("outer", [], "middle"), acme.set("middle", [], "inner"), return_exceptions=True
            )
            assert sorted(type(one).__name__ for one in ended) == ["InvalidRequest", "NoneType"]

    run(scenario())


def test_a_group_in_a_group_in_a_group_gives_nothing_although_it_stands_there(tmp_path: Path, run: Run) -> None:
    """Rows with good seals, such as an earlier state that somebody put back."""

    async def scenario() -> None:
        async with Acme(tmp_path) as acme:
            await acme.set("inner", ["ann"])
            chain = [("middle", "inner"), ("outer", "middle"), ("outermost", "outer")]
            rows = [groups_module._row(acme.keys, group, Principal.group(member)) for group, member in chain]
            async with acme.database.write(acme.tenant.id) as connection:
                await connection.execute(insert(tables.members), rows)
            assert await acme.of("ann") == {"inner", "middle"}

    run(scenario())
