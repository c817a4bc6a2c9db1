"""Failed attempts to authenticate slow down. What this is for: load, noise and probing; not the guessing of secrets.

A secret has 256 random bits, so guessing is hopeless at any speed, from one machine or from a million. What a flood of
wrong credentials can do is to keep the database busy, fill the log and try out which keys exist. So the rules are
chosen for a second aim of equal weight: *nobody is locked out by what others do*.

- **By client network and claimed key id together** (a pair): ten failures are free, then each costs a wait that doubles
  from a second to five minutes. Somebody who fails on a victim's key id from elsewhere fails as another pair.
- **By client network**, with ten times as many free, for those who try many key ids. An address block is what one
  client holds: an IPv4 address, an IPv6 /64. A pair that already waits does not count here any more: a forgotten job
  with an expired key harms itself, not its office.
- **Who is known to be good passes.** Who succeeded from this network within the hour is not held back, whatever else
  comes from there. A key is known by a keyed digest of the whole of it, secret included, so that nobody profits who
  does not hold it. A token is known by its holder, so that a fresh one is as good as the last: its signature was
  verified, with nobody and no database asked. A signed request shows nothing of that sort before its key is read, so
  a pair that signed rightly is believed so far: the signature is looked at, right or wrong. Who loses their standing
  (revoked, expired) is known no more from their next attempt on.
- One failure is forgiven every five minutes. A success forgives its pair, never its network, or an attacker who holds
  one key of their own would wash themselves clean with it.
- Once waits have begun, attempts go one at a time: an attempt that is let through starts the next wait at once, so that
  a hundred sent together are not a hundred tries.

What remains: somebody in the victim's own network (or behind the same proxy, where ``RAG_TRUSTED_PROXIES`` is not set)
who floods can make a client wait that has not succeeded there within the hour.

Memory is bounded. Who has begun to wait stands in a table of their own, so that a flood of made-up addresses and key
ids, one failure each, pushes out others of its kind and never one that waits. To push those out one must earn as many
waits as the table holds, from thousands of networks, and frees only oneself by it. Counts are of one process: with
several, each lets as much through.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Network

from rag_service.domain.errors import TooManyAttempts
from rag_service.networks import Address

FREE_FAILURES = 10
LONGEST_WAIT_S = 300.0
FORGIVEN_EVERY_S = 300.0
GOOD_FOR_S = 3600.0
MOST_ENTRIES = 2**15
_NETWORK_FACTOR = 10
_STEPS = math.ceil(math.log2(LONGEST_WAIT_S)) + 1
"""Failures beyond the free ones that are counted: from there on the wait is the longest, and recovery stays near."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody tries to authenticate; made by ``Throttle``. Only digests, nothing that was sent."""

    network: bytes
    pair: bytes
    proof: bytes


@dataclass(slots=True)
class _Count:
    failures: float
    at: float
    waits_until: float = 0.0


class Throttle:
    """Counts failures. Its methods do not wait and are not for several threads: call them from one event loop."""

    def __init__(
        self,
        free_failures: int = FREE_FAILURES,
        *,
        clock: Callable[[], float] = time.monotonic,
        most_entries: int = MOST_ENTRIES,
    ) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._pairs = _Counts(free_failures, most_entries)
        self._networks = _Counts(free_failures * _NETWORK_FACTOR, most_entries)
        self._good: OrderedDict[bytes, float] = OrderedDict()
        self._most_good = most_entries

    def attempt(self, address: Address | None, key_id: str, credential: str | None) -> Attempt:
        """What is counted of an attempt: all clients of unknown address are one network.

        ``key_id`` is what the credential claims, existing or not (empty where it claims none); ``credential`` is the
        whole of it, or ``None`` for a signature. A request without any credential tries nothing: do not count it.
        """
        network = self._digest("network", _block(address))
        pair = self._digest("pair", network.hex(), key_id)
        return Attempt(network, pair, self._digest("proof", pair.hex(), *([] if credential is None else [credential])))

    def attempt_of(self, address: Address | None, holder: tuple[str, ...]) -> Attempt:
        """What is counted of an attempt by ``holder``, whose token's signature was verified.

        Only they make such attempts: those who merely claim to be them are another pair.
        """
        network = self._digest("network", _block(address))
        pair = self._digest("holder", network.hex(), *holder)
        return Attempt(network, pair, self._digest("proof", pair.hex()))

    def refuse_if_blocked(self, attempt: Attempt) -> None:
        """The attempt may be looked at; call this before anything is looked up.

        Raises ``TooManyAttempts``: alike for key ids that exist and that do not.
        """
        now = self._clock()
        concerned = [(self._pairs, attempt.pair), (self._networks, attempt.network)]
        if self._good.get(attempt.proof, -math.inf) > now - GOOD_FOR_S:
            return
        wait = max(counts.wait(entry, now) for counts, entry in concerned)
        if wait > 0:
            raise TooManyAttempts(math.ceil(wait))
        for counts, entry in concerned:
            counts.let_one_through(entry, now)

    def failed(self, attempt: Attempt, *, still_good: bool = False) -> None:
        """The credential was wrong: unknown, malformed, expired, revoked, or from a network not allowed.

        Who was known by it is so no more, unless it is ``still_good``: a wrong signature says nothing of the signer.
        """
        now = self._clock()
        if not still_good:
            self._good.pop(attempt.proof, None)
        if not self._pairs.is_waiting(attempt.pair, now):
            self._networks.add(attempt.network, now)
        self._pairs.add(attempt.pair, now)

    def succeeded(self, attempt: Attempt) -> None:
        """The credential was right, whatever the request may do with it."""
        self._pairs.forget(attempt.pair)
        self._good[attempt.proof] = self._clock()
        self._good.move_to_end(attempt.proof)
        if len(self._good) > self._most_good:
            self._good.popitem(last=False)

    def _digest(self, *parts: str) -> bytes:
        """Of fixed length, whatever was sent; keyed, so that nothing in memory can be compared with a credential."""
        digest = hashlib.blake2b(key=self._key, digest_size=16)
        for part in parts:
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
        return digest.digest()


class _Counts:
    """Failures by digest: those within the free ones, and apart from them those that have begun to wait."""

    def __init__(self, free: int, most: int) -> None:
        self._free = free
        self._most = most
        self._few: OrderedDict[bytes, _Count] = OrderedDict()
        self._waiting: OrderedDict[bytes, _Count] = OrderedDict()

    def wait(self, entry: bytes, now: float) -> float:
        """Seconds until an attempt is let through; 0 for now."""
        count = self._waiting.get(entry)
        return max(0.0, count.waits_until - now) if count else 0.0

    def is_waiting(self, entry: bytes, now: float) -> bool:
        """Whether its failures exceed what is free."""
        count = self._waiting.get(entry)
        return count is not None and _left(count, now) > self._free

    def let_one_through(self, entry: bytes, now: float) -> None:
        """The next wait begins before it is known how this attempt ends."""
        if self.is_waiting(entry, now):
            count = self._waiting[entry]
            count.waits_until = now + self._wait_after(_left(count, now))

    def add(self, entry: bytes, now: float) -> None:
        count = self._waiting.pop(entry, None) or self._few.pop(entry, None) or _Count(0.0, now)
        count.failures = min(_left(count, now) + 1, self._free + _STEPS)
        count.at = now
        count.waits_until = now + self._wait_after(count.failures)
        table = self._waiting if count.failures > self._free else self._few
        table[entry] = count
        if len(table) > self._most:
            table.popitem(last=False)  # whose last failure is the longest ago

    def forget(self, entry: bytes) -> None:
        self._few.pop(entry, None)
        self._waiting.pop(entry, None)

    def _wait_after(self, failures: float) -> float:
        excess = math.ceil(failures) - self._free
        return min(LONGEST_WAIT_S, 2.0 ** (excess - 1)) if excess > 0 else 0.0


def _left(count: _Count, now: float) -> float:
    return max(0.0, count.failures - (now - count.at) / FORGIVEN_EVERY_S)


def _block(address: Address | None) -> str:
    if address is None:
        return "unknown"
    return str(address if isinstance(address, IPv4Address) else IPv6Network((int(address), 64), strict=False))
