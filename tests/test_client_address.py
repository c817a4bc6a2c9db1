"""A client's address is what the connection shows, or what a trusted proxy says: never a guess."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st

from rag_service.commands.serve import _http_config
from rag_service.domain.errors import InvalidSetting
from rag_service.networks import address_in, network_in
from rag_service.settings import load_settings
from rag_service.web.client_address import client_address, origin

PROXIES = tuple(map(network_in, ("10.0.0.0/24", "192.0.2.1", "2001:db8:f::/64")))

WALKS: list[tuple[str, str | None, list[str], str | None]] = [
    ("no proxy, no header", "203.0.113.9", [], "203.0.113.9"),
    ("an untrusted peer may write what it likes", "203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
    ("even the address of a proxy", "203.0.113.9", ["10.0.0.1"], "203.0.113.9"),
    ("nobody is trusted only for being local", "127.0.0.1", ["198.51.100.1"], "127.0.0.1"),
    ("a trusted proxy names its client", "10.0.0.7", ["198.51.100.1"], "198.51.100.1"),
    (
        "what the client wrote stands to the left and does not count",
        "10.0.0.7",
        ["1.1.1.1, 198.51.100.1"],
        "198.51.100.1",
    ),
    ("a chain of proxies", "10.0.0.7", ["1.1.1.1, 198.51.100.1, 192.0.2.1,10.0.0.9"], "198.51.100.1"),
    ("headers are joined in their order", "10.0.0.7", ["1.1.1.1", "198.51.100.1", "10.0.0.9"], "198.51.100.1"),
    (
        "a client that pretends to be behind two proxies",
        "10.0.0.7",
        ["1.1.1.1, 10.0.0.9, 198.51.100.1"],
        "198.51.100.1",
    ),
    ("ports and brackets", "10.0.0.7", ["[2001:db8::5]:443"], "2001:db8::5"),
    ("a port after IPv4", "10.0.0.7", ["198.51.100.1:51000"], "198.51.100.1"),
    ("IPv4 inside IPv6 is IPv4", "::ffff:203.0.113.9", [], "203.0.113.9"),
    ("and so is a proxy's", "::ffff:10.0.0.7", ["::ffff:198.51.100.1"], "198.51.100.1"),
    ("in hexadecimal too", "::ffff:a00:7", ["198.51.100.1"], "198.51.100.1"),
    ("an IPv6 proxy", "2001:db8:f::1", ["198.51.100.1"], "198.51.100.1"),
    ("a zone is no part of an address", "fe80::1%eth0", [], "fe80::1"),
    ("malformed: unknown", "10.0.0.7", ["unknown"], None),
    ("an entry that is no address ends the walk", "10.0.0.7", ["198.51.100.1, _hidden, 10.0.0.9"], None),
    ("so does an empty one", "10.0.0.7", ["198.51.100.1, "], None),
    ("and an empty header", "10.0.0.7", ["198.51.100.1", ""], None),
    ("leading zeros may be octal", "10.0.0.7", ["198.51.100.010"], None),
    ("digits of other scripts", "10.0.0.7", ["١٩٨.51.100.1"], None),
    ("a port that is none", "10.0.0.7", ["198.51.100.1:http"], None),
    ("very long", "10.0.0.7", ["198.51.100.1" + "0" * 9000], None),
    ("the header of RFC 7239 is another one", "10.0.0.7", ["for=198.51.100.1"], None),
    ("a proxy that names nobody", "10.0.0.7", [], None),
    ("proxies all the way", "10.0.0.7", ["10.0.0.8, 192.0.2.1"], None),
    ("no peer, as on a Unix socket", None, ["198.51.100.1"], None),
    ("a peer that is no address", "testclient", ["198.51.100.1"], None),
]


@pytest.mark.parametrize(("peer", "forwarded", "found"), [walk[1:] for walk in WALKS], ids=[walk[0] for walk in WALKS])
def test_the_walk_ends_at_the_first_address_that_is_not_ours(
    peer: str | None, forwarded: list[str], found: str | None
) -> None:
    address = origin(peer, forwarded, PROXIES)
    assert (str(address) if address else None) == found


@given(st.lists(st.text(max_size=40), max_size=5))
def test_no_header_of_an_untrusted_peer_changes_its_address(forwarded: list[str]) -> None:
    assert origin("203.0.113.9", forwarded, PROXIES) == ip_address("203.0.113.9")


@given(st.lists(st.text(max_size=40), max_size=5), st.ip_addresses())
def test_nothing_that_the_client_wrote_outweighs_what_the_proxy_added(forwarded: list[str], real: object) -> None:
    added = address_in(str(real))
    found = origin("10.0.0.7", [*forwarded, str(real)], PROXIES)
    assert found == added or any(added in network for network in PROXIES)


def test_a_request_is_read_with_the_settings_of_its_service(monkeypatch: pytest.MonkeyPatch) -> None:
    def seen() -> str:
        app = SimpleNamespace(state=SimpleNamespace(service=SimpleNamespace(settings=load_settings())))
        headers = [(b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"198.51.100.1")]
        return str(client_address(Request({"type": "http", "app": app, "client": ("10.0.0.7", 5), "headers": headers})))

    assert seen() == "10.0.0.7"
    monkeypatch.setenv("RAG_TRUSTED_PROXIES", "192.0.2.1, 10.0.0.0/24")
    assert seen() == "198.51.100.1"


@pytest.mark.parametrize(
    "nonsense",
    [
        "anywhere",
        "10.0.0.0/33",
        "10.0.0.1/8",
        "0.0.0.0/0",
        "::/0",
        "::ffff:10.0.0.0/104",
        "fe80::%eth0/64",
        "10.0.0.1;10.0.0.2",
        "10",
    ],
)
def test_a_setting_that_names_no_network_is_refused(nonsense: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_TRUSTED_PROXIES", nonsense)
    with pytest.raises(InvalidSetting) as refusal:
        load_settings()
    assert refusal.value.setting == "RAG_TRUSTED_PROXIES"


def test_the_file_of_settings_may_hold_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "rag.toml"
    monkeypatch.setenv("RAG_CONFIG", str(file))
    file.write_text('trusted_proxies = ["10.0.0.0/24", "2001:db8::1"]\n', encoding="utf-8")
    assert load_settings().trusted_proxies == (network_in("10.0.0.0/24"), network_in("2001:db8::1"))
    file.write_text("trusted_proxies = 10\n", encoding="utf-8")
    with pytest.raises(InvalidSetting):
        load_settings()


def test_the_server_itself_believes_no_proxy(run: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Uvicorn's own middleware would rewrite the peer before we see it, for any process on this machine."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    peers: list[object] = []

    async def app(scope: Any, _receive: object, _send: object) -> None:
        peers.append(scope["client"])

    config = _http_config(cast(FastAPI, app))
    config.load()
    scope = {"type": "http", "client": ("127.0.0.1", 5), "headers": [(b"x-forwarded-for", b"198.51.100.1")]}
    run(config.loaded_app(cast(Any, scope), cast(Any, None), cast(Any, None)))
    assert peers == [("127.0.0.1", 5)]
