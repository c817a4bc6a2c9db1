"""Addresses and networks as people and proxies write them, in one form: IPv4 inside IPv6 is IPv4."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_WITH_PORT = re.compile(r"(?:\[(?P<bracketed>[^\[\]]+)\]|(?P<plain>[0-9.]+))(?::[0-9]{1,5})?")
_MAPPED = IPv6Network("::ffff:0:0/96")
_LONGEST = 64
"""Of an address with brackets, zone and port; nothing that is longer is looked at."""


def address_in(text: str) -> Address:
    """The address that ``text`` holds, without brackets, port and zone.

    A zone names an interface of whoever wrote it, so it says nothing here.

    >>> address_in("[::ffff:192.0.2.7]:443")
    IPv4Address('192.0.2.7')

    Raises ValueError for anything that is no address.
    """
    if len(text) > _LONGEST:
        raise ValueError("too long for an address")
    match = _WITH_PORT.fullmatch(text)
    bare = (match["bracketed"] or match["plain"]) if match else text
    address = ip_address(bare)
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def network_in(text: str) -> Network:
    """The network that ``text`` names in CIDR notation; an address alone is a network of one.

    >>> network_in("192.0.2.7")
    IPv4Network('192.0.2.7/32')

    Raises ValueError for anything else, for bits set beyond the prefix (which of the two was meant?), and for IPv4
    written inside IPv6, which no address would ever be found in.
    """
    network = ip_network(text)
    if isinstance(network, IPv6Network) and (network.overlaps(_MAPPED) and network.prefixlen >= _MAPPED.prefixlen):
        raise ValueError(f"{text} is IPv4: write it as such")
    if getattr(network, "scope_id", None) is not None or "%" in text:
        raise ValueError(f"{text} names a zone")
    return network


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of the networks holds the address."""
    return any(address in network for network in networks)


def is_this_machine(host: str) -> bool:
    """Whether what is sent to the host stays on this machine, as far as its name tells.

    >>> is_this_machine("127.0.0.1"), is_this_machine("localhost"), is_this_machine("10.0.0.5")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
