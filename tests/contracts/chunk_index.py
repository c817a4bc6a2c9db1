"""What every ``ChunkIndex`` does. A suite inherits this class and gives a fixture ``index``."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_service.domain.retrieval import SealedPoint, SealedQuery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from rag_service.domain.document import Vector
    from rag_service.domain.retrieval import Candidates, Hit
    from rag_service.ports import ChunkIndex

DIMENSION = 4
COLLECTION = "c0ffee00c0ffee00"
OTHER = "0ddba11000000000"
EAST, NORTH, UP = (1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0)
NORTH_EAST = (0.8, 0.6, 0.0, 0.0)


def point(
    number: int,
    *,
    vector: Sequence[float] = EAST,
    terms: Mapping[int, float] | None = None,
    access: Sequence[str] = ("ann",),
    document: str = "d",
    source: str = "s",
) -> SealedPoint:
    weights = {7: 1.0} if terms is None else terms
    return SealedPoint(
        point_id=str(UUID(int=number)),
        vector=unit(vector),
        term_ids=list(weights),
        term_weights=list(weights.values()),
        access=list(access),
        document=document,
        source=source,
    )


def question(
    *access: str,
    collection: str = COLLECTION,
    vector: Sequence[float] = EAST,
    terms: Sequence[tuple[int, float]] = ((7, 1.0),),
    documents: frozenset[str] | None = None,
    sources: frozenset[str] | None = None,
) -> SealedQuery:
    return SealedQuery(
        collection=collection,
        vector=unit(vector),
        term_ids=[term for term, _ in terms],
        term_weights=[weight for _, weight in terms],
        access=frozenset(access),
        documents=documents,
        sources=sources,
    )


def unit(vector: Sequence[float]) -> Vector:
    array = np.asarray(vector, np.float32)
    return array / np.linalg.norm(array)


async def groups(*points: SealedPoint, size: int = 2) -> AsyncIterator[Sequence[SealedPoint]]:
    """The points, some at a time, as ``replace`` takes them."""
    for start in range(0, len(points), size):
        yield points[start : start + size]


def assert_equal(stored: SealedPoint, given: SealedPoint) -> None:
    """Terms and tokens are sets; numbers are stored in 32 bits."""
    assert stored.point_id == given.point_id
    assert stored.vector.dtype == np.float32
    assert stored.vector == pytest.approx(given.vector, abs=1e-6)
    weights = dict(zip(given.term_ids, given.term_weights, strict=True))
    assert dict(zip(stored.term_ids, stored.term_weights, strict=True)) == pytest.approx(weights, rel=1e-6)
    assert sorted(stored.access) == sorted(given.access)
    assert (stored.document, stored.source) == (given.document, given.source)


def search(index: ChunkIndex, query: SealedQuery, limit: int = 10) -> Candidates:
    return asyncio.run(index.search(query, limit=limit))


def numbers(hits: Sequence[Hit]) -> list[int]:
    """The points' numbers, best first."""
    return [UUID(hit.point_id).int for hit in hits]


def idf(readable: int, holding: int) -> float:
    return math.log(1 + (readable - holding + 0.5) / (holding + 0.5))


class ChunkIndexContract:
    """Inherit, and give a fixture ``index`` for vectors of ``DIMENSION``."""

    def write(self, index: ChunkIndex, *points: SealedPoint, collection: str = COLLECTION) -> None:
        asyncio.run(index.upsert(collection, points))

    def test_collections_of_different_dimensions_stand_beside_each_other(self, index: ChunkIndex) -> None:
        flat = point(2, vector=(0.6, 0.8))

        async def made_anew() -> AsyncIterator[Sequence[SealedPoint]]:
            yield [flat, point(3, vector=(1.0, 0.0))]

        asyncio.run(index.upsert(COLLECTION, [point(1)]))
        asyncio.run(index.upsert(OTHER, [flat]))
        asyncio.run(index.replace(OTHER, made_anew()))
        [found] = search(index, question("ann")).dense
        assert (found.point_id, found.score) == (point(1).point_id, pytest.approx(1.0))
        best, _ = search(index, question("ann", collection=OTHER, vector=(0.6, 0.8))).dense
        assert (best.point_id, best.score) == (flat.point_id, pytest.approx(1.0))

    def test_a_collection_made_anew_of_nothing_takes_points_of_any_dimension(self, index: ChunkIndex) -> None:
        async def nothing() -> AsyncIterator[Sequence[SealedPoint]]:
            for some in ():
                yield some

        asyncio.run(index.upsert(COLLECTION, [point(1)]))
        asyncio.run(index.replace(COLLECTION, nothing()))
        assert asyncio.run(index.point_ids(COLLECTION)) == frozenset()
        assert search(index, question("ann")).dense == ()
        asyncio.run(index.upsert(COLLECTION, [point(2, vector=(0.6, 0.8))]))
        assert asyncio.run(index.point_ids(COLLECTION)) == {point(2).point_id}

    def test_a_written_point_is_found_by_both_branches_with_its_scores(self, index: ChunkIndex) -> None:
        self.write(index, point(1, vector=NORTH_EAST, terms={7: 2.0, 8: 1.0}), point(2, vector=NORTH, terms={9: 1.0}))
        found = search(index, question("ann", terms=((7, 3.0),)))
        assert numbers(found.dense) == [1, 2]
        assert [hit.score for hit in found.dense] == pytest.approx([0.8, 0.0], abs=1e-6)
        assert numbers(found.lexical) == [1]
        assert found.lexical[0].score == pytest.approx(3.0 * idf(2, 1) * 2.0, rel=1e-5)

    def test_repeating_an_upsert_changes_nothing(self, index: ChunkIndex) -> None:
        points = [point(1), point(2, vector=NORTH, terms={7: 0.5, 8: 1.0})]
        self.write(index, *points)
        before = search(index, question("ann"))
        self.write(index, *points)
        assert search(index, question("ann")) == before
        assert len(asyncio.run(index.point_ids(COLLECTION))) == 2

    def test_an_upsert_replaces_vector_terms_access_and_tokens(self, index: ChunkIndex) -> None:
        self.write(index, point(1))
        self.write(index, point(1, vector=NORTH, terms={8: 1.0}, access=["bob"], document="e", source="t"))
        assert search(index, question("ann")).dense == ()
        found = search(index, question("bob", vector=NORTH, terms=((7, 1.0),), documents=frozenset({"e"})))
        assert [hit.score for hit in found.dense] == pytest.approx([1.0])
        assert found.lexical == ()
        assert numbers(search(index, question("bob", terms=((8, 1.0),), sources=frozenset({"t"}))).lexical) == [1]

    def test_a_deleted_point_is_gone_from_results_ids_and_statistics(self, index: ChunkIndex) -> None:
        self.write(index, point(1), point(2), point(3, terms={8: 1.0}))
        asyncio.run(index.delete(COLLECTION, [str(UUID(int=2))]))
        found = search(index, question("ann"))
        assert sorted(numbers(found.dense)) == [1, 3]
        assert found.lexical[0].score == pytest.approx(idf(2, 1), rel=1e-5)
        assert asyncio.run(index.point_ids(COLLECTION)) == {str(UUID(int=1)), str(UUID(int=3))}

    def test_deleting_what_is_unknown_is_no_error(self, index: ChunkIndex) -> None:
        asyncio.run(index.delete(OTHER, [str(uuid4())]))
        self.write(index, point(1))
        asyncio.run(index.delete(COLLECTION, [str(uuid4())]))
        asyncio.run(index.delete(COLLECTION, []))
        assert numbers(search(index, question("ann")).dense) == [1]

    def test_a_collection_that_was_never_written_has_no_points(self, index: ChunkIndex) -> None:
        found = search(index, question("ann", collection=OTHER))
        assert (found.dense, found.lexical) == ((), ())
        assert asyncio.run(index.point_ids(OTHER)) == frozenset()
        asyncio.run(index.drop(OTHER))

    def test_a_collection_exists_from_its_first_point_until_it_is_dropped(self, index: ChunkIndex) -> None:
        assert not asyncio.run(index.exists(COLLECTION))
        self.write(index, point(1))
        assert asyncio.run(index.exists(COLLECTION))
        asyncio.run(index.drop(COLLECTION))
        assert not asyncio.run(index.exists(COLLECTION))

    def test_collections_are_those_that_were_written_and_not_dropped(self, index: ChunkIndex) -> None:
        assert asyncio.run(index.collections()) == frozenset()
        self.write(index, point(1))
        self.write(index, point(2), collection=OTHER)
        assert asyncio.run(index.collections()) == {COLLECTION, OTHER}
        asyncio.run(index.drop(COLLECTION))
        assert asyncio.run(index.collections()) == {OTHER}

    def test_points_of_are_those_that_carry_the_document_token(self, index: ChunkIndex) -> None:
        self.write(index, point(1, document="d1"), point(2, document="d2"), point(3, document="d1", access=[]))
        assert asyncio.run(index.points_of(COLLECTION, "d1")) == {point(1).point_id, point(3).point_id}
        self.write(index, point(1, document="d2"))
        assert asyncio.run(index.points_of(COLLECTION, "d1")) == {point(3).point_id}
        assert asyncio.run(index.points_of(COLLECTION, "d")) == frozenset()
        assert asyncio.run(index.points_of(OTHER, "d1")) == frozenset()

    def test_points_are_read_as_they_were_written(self, index: ChunkIndex) -> None:
        given = [
            point(1, vector=NORTH_EAST, terms={9: 0.3, 7: 2.0}, access=["bob", "ann"], document="d1", source="s1"),
            point(2, vector=(0.1, 0.2, 0.3, 0.4), terms={}, access=[]),
            point(3, terms={2**32 - 1: 1.7, 0: 0.1}),
        ]
        self.write(index, *given, point(4))
        stored = asyncio.run(index.read(COLLECTION, [*(one.point_id for one in given), str(UUID(int=99))]))
        assert stored.keys() == {one.point_id for one in given}
        for one in given:
            assert_equal(stored[one.point_id], one)
        assert asyncio.run(index.read(OTHER, [given[0].point_id])) == {}
        assert asyncio.run(index.read(COLLECTION, [])) == {}

    def test_a_replaced_collection_holds_exactly_the_points_given(self, index: ChunkIndex) -> None:
        self.write(index, *(point(n) for n in range(1, 4)))
        self.write(index, point(9), collection=OTHER)
        given = [point(3, vector=NORTH, terms={8: 1.0}), *(point(n, vector=UP) for n in range(4, 9))]
        asyncio.run(index.replace(COLLECTION, groups(*given)))
        stored = asyncio.run(index.read(COLLECTION, sorted(asyncio.run(index.point_ids(COLLECTION)))))
        assert stored.keys() == {one.point_id for one in given}
        for one in given:
            assert_equal(stored[one.point_id], one)
        found = search(index, question("ann"))
        assert sorted(numbers(found.lexical)) == [4, 5, 6, 7, 8]
        assert found.lexical[0].score == pytest.approx(idf(6, 5), rel=1e-5)
        assert asyncio.run(index.point_ids(OTHER)) == {point(9).point_id}
        self.write(index, point(10))
        assert len(asyncio.run(index.point_ids(COLLECTION))) == 7

    def test_replacing_what_was_never_written_writes_it(self, index: ChunkIndex) -> None:
        asyncio.run(index.replace(COLLECTION, groups(point(1))))
        assert numbers(search(index, question("ann")).dense) == [1]

    def test_replacing_by_nothing_leaves_no_collection(self, index: ChunkIndex) -> None:
        self.write(index, point(1))
        asyncio.run(index.replace(COLLECTION, groups()))
        assert asyncio.run(index.point_ids(COLLECTION)) == frozenset()
        assert not asyncio.run(index.exists(COLLECTION))

    def test_searches_see_what_was_there_until_the_replacement_is_complete(self, index: ChunkIndex) -> None:
        self.write(index, point(1))
        seen: list[list[int]] = []

        async def given() -> AsyncIterator[Sequence[SealedPoint]]:
            for n in range(2, 5):
                seen.append(numbers((await index.search(question("ann"), limit=10)).dense))
                assert await index.collections() == {COLLECTION}
                yield [point(n)]

        asyncio.run(index.replace(COLLECTION, given()))
        assert seen == [[1], [1], [1]]
        assert sorted(numbers(search(index, question("ann")).dense)) == [2, 3, 4]

    def test_a_replacement_that_fails_changes_nothing(self, index: ChunkIndex) -> None:
        self.write(index, point(1))

        async def given() -> AsyncIterator[Sequence[SealedPoint]]:
            yield [point(2)]
            raise RuntimeError("the source is gone")

        for collection in (COLLECTION, OTHER):
            with pytest.raises(RuntimeError, match="the source is gone"):
                asyncio.run(index.replace(collection, given()))
        assert numbers(search(index, question("ann")).dense) == [1]
        assert asyncio.run(index.collections()) == {COLLECTION}

    def test_upkeep_changes_no_answer(self, index: ChunkIndex) -> None:
        asyncio.run(index.maintain())
        self.write(index, point(1), point(2, vector=NORTH_EAST, terms={8: 1.0}))
        before = search(index, question("ann"))
        asyncio.run(index.maintain())
        assert search(index, question("ann")) == before

    def test_a_dropped_collection_is_empty_and_can_be_written_again(self, index: ChunkIndex) -> None:
        self.write(index, point(1))
        asyncio.run(index.drop(COLLECTION))
        assert search(index, question("ann")).dense == ()
        self.write(index, point(2))
        assert numbers(search(index, question("ann")).lexical) == [2]

    def test_an_index_that_can_be_asked_is_ready(self, index: ChunkIndex) -> None:
        asyncio.run(index.ready())

    def test_collections_know_nothing_of_each_other(self, index: ChunkIndex) -> None:
        self.write(index, point(1))
        self.write(index, point(2), point(3), collection=OTHER)
        found = search(index, question("ann"))
        assert (numbers(found.dense), numbers(found.lexical)) == ([1], [1])
        assert found.lexical[0].score == pytest.approx(idf(1, 1), rel=1e-5)
        asyncio.run(index.drop(OTHER))
        assert numbers(search(index, question("ann")).dense) == [1]

    def test_a_better_point_that_the_caller_may_not_read_takes_no_place(self, index: ChunkIndex) -> None:
        forbidden = [point(n, vector=EAST, terms={7: 2.0}, access=["bob"]) for n in range(10, 40)]
        self.write(index, *forbidden, point(1, vector=NORTH_EAST, terms={7: 0.1, 8: 1.0}))
        found = search(index, question("ann"), limit=1)
        assert numbers(found.dense) == [1]
        assert numbers(found.lexical) == [1]

    def test_an_empty_access_list_matches_nothing(self, index: ChunkIndex) -> None:
        self.write(index, point(1), point(2, access=[]))
        found = search(index, question())
        assert (found.dense, found.lexical) == ((), ())

    def test_a_point_without_access_is_read_by_nobody(self, index: ChunkIndex) -> None:
        self.write(index, point(1, access=[]), point(2, vector=NORTH))
        found = search(index, question("ann", "bob", ""))
        assert (numbers(found.dense), numbers(found.lexical)) == ([2], [2])

    def test_one_common_token_is_enough(self, index: ChunkIndex) -> None:
        self.write(index, point(1, access=["ann", "legal"]), point(2, access=["bob"]), point(3, access=["annex"]))
        found = search(index, question("cyd", "legal"))
        assert (numbers(found.dense), numbers(found.lexical)) == ([1], [1])

    def test_filters_narrow_and_never_widen(self, index: ChunkIndex) -> None:
        self.write(
            index,
            point(1, document="d1", source="s1"),
            point(2, document="d1", source="s2"),
            point(3, document="d2", source="s1"),
            point(4, document="d3", source="s3", access=["bob"]),
        )

        def both(documents: set[str] | None, sources: set[str] | None) -> list[int]:
            narrowed = question(
                "ann",
                documents=None if documents is None else frozenset(documents),
                sources=None if sources is None else frozenset(sources),
            )
            found = search(index, narrowed)
            assert sorted(numbers(found.dense)) == sorted(numbers(found.lexical))
            return sorted(numbers(found.dense))

        assert both({"d1", "d3"}, None) == [1, 2]
        assert both(None, {"s1", "s3"}) == [1, 3]
        assert both({"d1"}, {"s1"}) == [1]
        assert both({"d3"}, {"s3"}) == []
        assert both(set(), None) == []
        assert both(None, set()) == []

    def test_the_weight_of_a_term_follows_from_what_the_caller_may_read(self, index: ChunkIndex) -> None:
        """Term 7 is everywhere in Bob's documents and rare in Ann's: Ann's weight is that of a rare term."""
        self.write(index, *(point(n, terms={7: 1.0}, access=["bob"]) for n in range(10, 30)))
        self.write(index, point(1, terms={7: 1.0}), *(point(n, terms={8: 1.0}) for n in range(2, 6)))
        assert search(index, question("ann")).lexical[0].score == pytest.approx(idf(5, 1), rel=1e-5)
        assert search(index, question("bob")).lexical[0].score == pytest.approx(idf(20, 20), rel=1e-5)
        assert search(index, question("ann", "bob")).lexical[0].score == pytest.approx(idf(25, 21), rel=1e-5)

    def test_filters_do_not_change_the_weight_of_a_term(self, index: ChunkIndex) -> None:
        self.write(index, point(1, document="d1"), point(2, document="d2"), point(3, terms={8: 1.0}, document="d3"))
        narrowed = search(index, question("ann", documents=frozenset({"d1"}), sources=frozenset({"s"})))
        assert narrowed.lexical[0].score == pytest.approx(idf(3, 2), rel=1e-5)

    def test_the_lexical_branch_holds_only_points_that_share_a_term(self, index: ChunkIndex) -> None:
        self.write(index, point(1, terms={7: 1.0, 9: 1.0}), point(2, terms={8: 1.0}), point(3, terms={}))
        assert numbers(search(index, question("ann", terms=((9, 1.0), (99, 1.0)))).lexical) == [1]
        found = search(index, question("ann", terms=()))
        assert found.lexical == ()
        assert sorted(numbers(found.dense)) == [1, 2, 3]

    def test_a_term_asked_for_twice_counts_twice(self, index: ChunkIndex) -> None:
        self.write(index, point(1))
        assert search(index, question("ann", terms=((7, 1.0), (7, 1.0)))).lexical[0].score == pytest.approx(
            2 * idf(1, 1), rel=1e-5
        )

    def test_the_whole_range_of_term_ids_is_told_apart(self, index: ChunkIndex) -> None:
        self.write(index, point(1, terms={0: 1.0}), point(2, terms={2**31: 1.0}), point(3, terms={2**32 - 1: 1.0}))
        for number, term in ((1, 0), (2, 2**31), (3, 2**32 - 1)):
            assert numbers(search(index, question("ann", terms=((term, 1.0),))).lexical) == [number]

    def test_each_branch_gives_its_best_in_order_up_to_the_limit(self, index: ChunkIndex) -> None:
        steps = [(1.0 - n / 10, n / 10 + 0.01, 0.0, 0.0) for n in range(8)]
        self.write(index, *(point(n, vector=steps[n], terms={7: 1.0 + n}) for n in range(8)))
        found = search(index, question("ann"), limit=3)
        assert numbers(found.dense) == [0, 1, 2]
        assert numbers(found.lexical) == [7, 6, 5]

    @settings(
        max_examples=25,
        deadline=None,
        # The collection is dropped before each example, and the test is inherited by several suites on purpose.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(data=st.data())
    def test_results_are_exactly_what_the_scope_may_read(self, index: ChunkIndex, data: st.DataObject) -> None:
        tokens = st.sampled_from(["ann", "bob", "cyd", "legal"])
        lists = data.draw(st.lists(st.lists(tokens, max_size=3, unique=True), min_size=1, max_size=12), "access lists")
        asker = data.draw(st.frozensets(tokens, max_size=3), "asker")
        limit = data.draw(st.integers(1, 12), "limit")
        asyncio.run(index.drop(COLLECTION))
        self.write(index, *(point(n, vector=UP, access=access) for n, access in enumerate(lists)))
        readable = {n for n, access in enumerate(lists) if asker & set(access)}
        found = search(index, question(*asker), limit=limit)
        for branch in (numbers(found.dense), numbers(found.lexical)):
            assert set(branch) <= readable
            assert len(set(branch)) == len(branch) == min(limit, len(readable))
