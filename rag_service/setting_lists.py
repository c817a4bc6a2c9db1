"""Settings that are lists, as text with commas between the entries."""

from __future__ import annotations

from rag_service.networks import Network, network_in

_PROXIES_WANTED = "write networks such as 10.0.0.5, 192.0.2.0/28"


def proxies(value: object) -> tuple[Network, ...]:
    """Networks out of a list, or of text with commas between them. Trusting everybody's word is refused."""
    entries = value.split(",") if isinstance(value, str) else value
    if not isinstance(entries, list | tuple):
        raise ValueError(_PROXIES_WANTED)  # noqa: TRY004  # pydantic reports this one
    try:
        networks = tuple(network_in(str(entry).strip()) for entry in entries if str(entry).strip())
    except ValueError as error:
        raise ValueError(f"{_PROXIES_WANTED}: {error}") from None
    if any(network.prefixlen == 0 for network in networks):
        raise ValueError("a network that holds every address would let any client name its own")
    return networks


def words(value: object) -> object:
    """A list, or what stands between commas."""
    return tuple(one.strip() for one in value.split(",") if one.strip()) if isinstance(value, str) else value
