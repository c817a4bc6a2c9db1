"""What the index sees keeps distances and matches, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_service.crypto.index_keys import IndexKeys, orthogonal_matrix
from rag_service.domain.identity import EVERYONE, AccessScope, Principal, Role, TenantId

ACME, BOLT = TenantId("acme-id"), TenantId("bolt-id")
KEYS = IndexKeys(ACME, b"k" * 32, 1)
names = st.sampled_from(["ann", "bob", "cy"])
principals = st.one_of(st.just(EVERYONE), names.map(Principal.user), names.map(Principal.group))


def scope(tenant: TenantId, *who: Principal) -> AccessScope:
    return AccessScope(tenant, "ann", frozenset(who), frozenset({Role.QUERY}))


def sealed_access(who: set[Principal]) -> set[str]:
    point = KEYS.seal_point(
        point_id="p", vector=np.ones(8, np.float32), terms={}, access=who, document_id="d", source="s"
    )
    return set(point.access)


@given(st.integers(0, 2**32 - 1))
def test_a_rotation_keeps_inner_products(seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(3, 32)).astype(np.float32)
    rotated = KEYS.rotate(vectors)
    assert np.allclose(rotated @ rotated.T, vectors @ vectors.T, atol=1e-3)


def test_a_rotation_is_orthogonal_and_depends_on_the_key_alone() -> None:
    matrix = orthogonal_matrix(b"a" * 32, 64)
    assert np.allclose(matrix @ matrix.T, np.eye(64), atol=1e-5)
    assert np.array_equal(matrix, orthogonal_matrix(b"a" * 32, 64))
    assert not np.allclose(matrix, orthogonal_matrix(b"b" * 32, 64), atol=0.1)


def test_a_rotation_is_the_same_on_every_machine() -> None:
    """A stored index would be lost if an upgrade changed it: these digits are from the first version."""
    assert orthogonal_matrix(b"a" * 32, 64)[0, :3] == pytest.approx(FIRST_DIGITS, abs=1e-5)


FIRST_DIGITS = (-0.2655744, 0.1292036, 0.0803823)


@given(st.sets(principals, max_size=4), st.sets(principals, max_size=4))
def test_a_query_matches_a_point_exactly_when_they_share_a_principal(asks: set[Principal], may: set[Principal]) -> None:
    query = KEYS.seal_query(scope(ACME, *asks), vector=np.ones(8, np.float32), terms={})
    assert bool(query.access & sealed_access(may)) == bool(asks & may)


def test_another_tenants_scope_is_never_sealed() -> None:
    with pytest.raises(ValueError, match="another"):
        KEYS.seal_query(scope(BOLT, EVERYONE), vector=np.ones(8, np.float32), terms={})


def test_tenants_share_no_collection_term_or_token() -> None:
    other = IndexKeys(BOLT, b"o" * 32, 1)
    assert KEYS.collection != other.collection
    assert KEYS.term_id("salary") != other.term_id("salary")
    query = other.seal_query(scope(BOLT, EVERYONE), vector=np.ones(8, np.float32), terms={"salary": 1.0})
    assert not query.access & sealed_access({EVERYONE})


def test_a_user_and_a_group_of_one_name_are_two() -> None:
    assert not sealed_access({Principal.user("legal")}) & sealed_access({Principal.group("legal")})


def test_a_new_epoch_has_a_new_collection() -> None:
    assert IndexKeys(ACME, b"k" * 32, 2).collection != KEYS.collection
