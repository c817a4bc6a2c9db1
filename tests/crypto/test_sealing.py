"""Sealed bytes open under their key, in their place, unaltered; and in no other case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_service.crypto.keys import KeyVault, TenantKeys, WrappedTenantKeys
from rag_service.crypto.sealing import Seal, new_key, place
from rag_service.domain.errors import SealBroken, SignatureInvalid
from rag_service.domain.identity import TenantId

MASTER = b"m" * 32
ACME, BOLT = TenantId("acme-id"), TenantId("bolt-id")


def tenant_keys(tenant: TenantId, master: bytes = MASTER) -> TenantKeys:
    vault = KeyVault(master)
    return vault.open_tenant_keys(tenant, vault.new_tenant_keys(tenant))


@given(st.binary(max_size=300), st.lists(st.text(max_size=20), max_size=4))
def test_what_was_sealed_opens_in_its_place(plaintext: bytes, parts: list[str]) -> None:
    seal = Seal(new_key())
    assert seal.open(seal.seal(plaintext, place(*parts)), place(*parts)) == plaintext


@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_changed_byte_is_refused(plaintext: bytes, data: st.DataObject) -> None:
    seal = Seal(new_key())
    sealed = bytearray(seal.seal(plaintext, b"here"))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealBroken):
        seal.open(bytes(sealed), b"here")


@given(st.lists(st.text(max_size=8), max_size=4), st.lists(st.text(max_size=8), max_size=4))
def test_two_places_have_two_names(first: list[str], second: list[str]) -> None:
    assert (place(*first) == place(*second)) == (first == second)


def test_a_cut_off_seal_is_refused() -> None:
    seal = Seal(new_key())
    sealed = seal.seal(b"text", b"here")
    for length in (0, 5, 12, 20, len(sealed) - 1):
        with pytest.raises(SealBroken):
            seal.open(sealed[:length], b"here")


def test_a_wrong_key_is_refused() -> None:
    sealed = Seal(new_key()).seal(b"text", b"here")
    with pytest.raises(SealBroken):
        Seal(new_key()).open(sealed, b"here")


@pytest.mark.parametrize(
    ("document", "version", "part", "chunk"),
    [
        ("other", 1, "chunk", "c1"),
        ("doc", 2, "chunk", "c1"),
        ("doc", 1, "vector", "c1"),
        ("doc", 1, "chunk", "c2"),
    ],
)
def test_a_chunk_moved_elsewhere_is_refused(document: str, version: int, part: str, chunk: str) -> None:
    """Even under the same key: the place is authenticated with the bytes."""
    from rag_service.crypto.keys import VersionSeal

    key = new_key()
    sealed = VersionSeal(key, ACME, "doc", 1).seal(b"text", "chunk", "c1")
    with pytest.raises(SealBroken):
        VersionSeal(key, ACME, document, version).open(sealed, part, chunk)


def test_a_chunk_moved_to_another_tenant_is_refused() -> None:
    acme, bolt = tenant_keys(ACME), tenant_keys(BOLT)
    seal, wrapped = acme.new_version_key("doc", 1)
    sealed = seal.seal(b"text", "chunk", "c1")
    with pytest.raises(SealBroken):
        bolt.open_version_key("doc", 1, wrapped)
    assert acme.open_version_key("doc", 1, wrapped).open(sealed, "chunk", "c1") == b"text"


def test_a_version_key_moved_to_another_document_is_refused() -> None:
    acme = tenant_keys(ACME)
    _, wrapped = acme.new_version_key("doc", 1)
    for document, version in (("other", 1), ("doc", 2)):
        with pytest.raises(SealBroken):
            acme.open_version_key(document, version, wrapped)


def test_tenant_keys_moved_to_another_tenant_or_master_key_are_refused() -> None:
    vault = KeyVault(MASTER)
    wrapped = vault.new_tenant_keys(ACME)
    with pytest.raises(SealBroken):
        vault.open_tenant_keys(BOLT, wrapped)
    with pytest.raises(SealBroken):
        KeyVault(b"x" * 32).open_tenant_keys(ACME, wrapped)
    later_epoch = WrappedTenantKeys(wrapped.tenant_key, wrapped.index_key, 2)
    with pytest.raises(SealBroken):
        vault.open_tenant_keys(ACME, later_epoch)


@given(st.binary(max_size=100), st.text(max_size=10), st.integers(1, 9), st.text(max_size=10), st.data())
def test_a_signature_holds_for_its_record_in_its_place_alone(
    record: bytes, document: str, version: int, chunk: str, data: st.DataObject
) -> None:
    acme = KEYS_OF_ACME
    signature = acme.sign(record, document, version, chunk)
    acme.verify(signature, record, document, version, chunk)
    forged = data.draw(
        st.sampled_from(
            [
                (record + b"x", document, version, chunk),
                (record, document + "x", version, chunk),
                (record, document, version + 1, chunk),
                (record, document, version, chunk + "x"),
            ]
        )
    )
    with pytest.raises(SignatureInvalid):
        acme.verify(signature, *forged)
    with pytest.raises(SignatureInvalid):
        KEYS_OF_BOLT.verify(signature, record, document, version, chunk)


KEYS_OF_ACME, KEYS_OF_BOLT = tenant_keys(ACME), tenant_keys(BOLT)


def test_the_same_name_has_another_token_in_another_tenant() -> None:
    assert KEYS_OF_ACME.token("user", "ann") != KEYS_OF_BOLT.token("user", "ann")
    assert KEYS_OF_ACME.token("user", "ann") != KEYS_OF_ACME.token("group", "ann")
