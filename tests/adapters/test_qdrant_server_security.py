"""Who may be spoken to and under which name: TLS, keys, names that cannot meet, what is asked on the wire."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rag_service.adapters.qdrant_server import QdrantServerIndex
from rag_service.adapters.server_connection import ServerAddress, ServerConnection
from rag_service.adapters.server_requests import CollectionLayout
from rag_service.domain.errors import IndexUnavailable, InvalidSetting
from tests.contracts.chunk_index import COLLECTION, DIMENSION, OTHER, point, question
from tests.doubles.faults import Fault
from tests.doubles.qdrant_rest import Double, running_double

KEY = "top-secret-api-key"
ALIAS = f"rag_{COLLECTION}"


def opened(address: ServerAddress, **layout: Any) -> QdrantServerIndex:
    return QdrantServerIndex(ServerConnection(address.connect, attempts=2), CollectionLayout(**layout))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the loopback address, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "double")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(made.public_bytes(pem) + private)
    return path


def test_a_server_is_spoken_to_under_its_own_certificate_and_under_no_other(tmp_path: Path, certificate: Path) -> None:
    async def journey(double: Double) -> None:
        index = opened(ServerAddress(double.url, api_key=KEY, ca_file=certificate))
        await index.upsert(COLLECTION, [point(1)])
        assert await index.point_ids(COLLECTION) == {point(1).point_id}
        await index.close()
        double.requests.clear()
        stranger = opened(ServerAddress(double.url, api_key=KEY))
        with pytest.raises(IndexUnavailable, match="ConnectError"):
            await stranger.search(question("ann"), limit=1)
        assert double.requests == []  # nothing was said, the key least of all
        await stranger.close()

    with running_double(tmp_path, certificate=certificate, api_key=KEY) as double:
        assert double.url.startswith("https://")
        asyncio.run(journey(double))


def test_the_key_is_sent_and_written_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def journey(double: Double) -> None:
        address = ServerAddress(double.url, api_key=KEY)
        index = opened(address)
        await index.ready()
        double.fail("/exists", Fault.STATUS_500, 5)
        with pytest.raises(IndexUnavailable) as caught:
            await index.exists(COLLECTION)
        assert KEY not in f"{address!r}{address}{caught.value!r}{caught.getrepr()}{index!r}"
        await index.close()
        wrong = opened(ServerAddress(double.url, api_key="another"))
        for call in (wrong.ready, lambda: wrong.search(question("ann"), limit=1)):
            with pytest.raises(IndexUnavailable, match="401"):
                await call()
        await wrong.close()
        assert {headers.get("api-key") for *_, headers in double.requests} == {KEY, "another"}

    with running_double(tmp_path, api_key=KEY) as double:
        asyncio.run(journey(double))
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "http://qdrant.example:6333",
        "http://192.0.2.7:6333",
        "http://localhost.example",
        "http://[2001:db8::1]:6333",
        "https://user:pass@qdrant.example",
        "https://token@qdrant.example",
        "https://qdrant.example/?key=1",
        "ftp://127.0.0.1",
        "127.0.0.1:6333",
        ":memory:",
        "",
    ],
)
def test_an_address_that_would_show_the_key_or_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        ServerAddress(url, api_key=KEY)
    assert "pass" not in str(caught.value).replace("password", "")


def test_plain_http_leaves_this_machine_only_where_that_was_allowed() -> None:
    for here in ("http://127.0.0.1:6333", "http://localhost:6333", "http://[::1]:6333"):
        assert ServerAddress(here).url == here
    assert ServerAddress("http://qdrant:6333", allows_plain_http=True).allows_plain_http
    with pytest.raises(InvalidSetting, match="CA_FILE"):
        ServerAddress("https://qdrant:6333", ca_file=Path("/nowhere/ca.pem"))


def test_certificates_are_checked_and_neither_proxies_nor_redirects_obeyed(
    double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")

    async def journey() -> None:
        index = opened(ServerAddress(double.url))
        await index.ready()
        double.fail("/exists", Fault.REDIRECT)
        with pytest.raises(IndexUnavailable, match="307"):
            await index.exists(COLLECTION)
        await index.close()
        client = ServerAddress("https://127.0.0.1:1").connect()
        context = client.http.client._async_client._transport._pool._ssl_context
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        await client.close()

    asyncio.run(journey())


HOSTILE = [
    "", "c0ffee", "C0FFEE00C0FFEE00", f"{COLLECTION}-a", f"{COLLECTION}\n", f"../{COLLECTION}", "..", "*",
    f"{OTHER}/points/delete?x=", f"{COLLECTION}%2F..", "０" * 16, "0" * 65, f"rag_{COLLECTION}", f"{COLLECTION} ",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_is_no_keyed_name_reaches_no_collection(double: Double, name: str) -> None:
    async def journey() -> None:
        index = opened(ServerAddress(double.url))
        calls = [
            index.upsert(name, [point(1)]),
            index.upsert(name, []),
            index.delete(name, [point(1).point_id]),
            index.delete(name, []),
            index.search(question("ann", collection=name), limit=1),
            index.search(question(collection=name), limit=1),
            index.exists(name),
            index.point_ids(name),
            index.points_of(name, "d"),
            index.read(name, [point(1).point_id]),
            index.read(name, []),
            index.drop(name),
        ]
        for call in calls:
            with pytest.raises(ValueError, match="hex"):
                await call
        assert double.requests == []
        await index.close()

    asyncio.run(journey())


def test_installations_that_share_a_server_do_not_see_each_other(double: Double) -> None:
    async def journey() -> None:
        address = ServerAddress(double.url)
        ours, theirs = opened(address), opened(address, prefix="rag_ab_")
        await ours.upsert(COLLECTION, [point(1)])
        await theirs.upsert(COLLECTION, [point(2)])
        await theirs.upsert(OTHER, [point(3)])
        assert await ours.collections() == {COLLECTION}
        assert await theirs.collections() == {COLLECTION, OTHER}
        await ours.maintain()
        await ours.drop(COLLECTION)
        assert await theirs.point_ids(COLLECTION) == {point(2).point_id}
        await ours.close()
        await theirs.close()

    asyncio.run(journey())


@pytest.mark.parametrize("prefix", ["", "rag", "_", "rag_a", "Rag_", "rag/_", "rag_\n", "r" * 40 + "_", "0_"])
def test_a_prefix_after_which_a_name_could_begin_earlier_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidSetting):
        CollectionLayout(prefix=prefix)


@pytest.mark.parametrize(
    "layout",
    [
        {"shards": 0},
        {"replicas": 0},
        {"replicas": 2, "writes_reach": 3},
        {"writes_reach": 0},
        {"read_consistency": "most"},
        {"read_consistency": 0},
        {"replicas": 2, "read_consistency": 3},
        {"replicas": 2, "read_consistency": "3"},
    ],
)
def test_a_layout_that_no_cluster_could_keep_is_refused(layout: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        CollectionLayout(**layout)


def test_how_many_must_agree_is_a_number_however_it_was_written() -> None:
    for written in (2, "2"):
        assert CollectionLayout(replicas=3, read_consistency=written).consistency() == 2
    assert CollectionLayout().consistency() == "majority"


def test_a_collection_is_made_as_configured_and_indexed_before_it_is_led_to(double: Double) -> None:
    async def journey() -> None:
        layout = {"shards": 2, "replicas": 3, "is_on_disk": True, "is_quantized": True, "read_consistency": "quorum"}
        index = opened(ServerAddress(double.url), **layout)
        await index.upsert(COLLECTION, [point(1)])
        await index.search(question("ann"), limit=3)
        await index.close()

    asyncio.run(journey())
    made = double.collections.created[f"{ALIAS}-a"]
    assert made == {
        "vectors": {"dense": {"size": DIMENSION, "distance": "Dot", "on_disk": True}},
        "sparse_vectors": {"lexical": {"modifier": "idf", "index": {"on_disk": True}}},
        "shard_number": 2,
        "replication_factor": 3,
        "write_consistency_factor": 2,
        "quantization_config": {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}},
    }
    assert double.collections.indexed[f"{ALIAS}-a"] == ["a", "d", "s"]
    order = [path for method, path, *_ in double.requests if method in {"PUT", "POST"}]
    led = order.index("/collections/aliases")
    assert all(place < led for place, path in enumerate(order) if path.endswith("/index"))
    assert order.index(f"/collections/{ALIAS}/points", led) > led
    [searched] = [query for _, path, query, _ in double.requests if path.endswith("/query/batch")]
    assert "consistency=quorum" in searched


def test_both_branches_carry_the_access_list_and_the_corpus_has_no_filter_of_the_asker() -> None:
    asked = question("ann", "legal", documents=frozenset({"d1"}), sources=frozenset({"s1"}))
    dense, lexical = CollectionLayout(is_quantized=True).branches(asked, 7)
    may_read = {"key": "a", "match": {"any": ["ann", "legal"]}}
    narrowed = [may_read, {"key": "d", "match": {"any": ["d1"]}}, {"key": "s", "match": {"any": ["s1"]}}]
    for branch in (dense, lexical):
        assert json.loads(branch.filter.model_dump_json(exclude_unset=True)) == {"must": narrowed}
        assert branch.limit == 7
    assert lexical.params is not None
    assert dense.params is not None
    assert json.loads(lexical.params.model_dump_json(exclude_unset=True)) == {"idf": {"corpus": {"must": [may_read]}}}
    assert dense.params.quantization.rescore
