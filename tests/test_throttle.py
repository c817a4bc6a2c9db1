"""Failed attempts slow down whoever makes them, and nobody else. The clock of these tests is their own."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_service.domain.errors import TooManyAttempts
from rag_service.networks import Address
from rag_service.throttle import FORGIVEN_EVERY_S, FREE_FAILURES, GOOD_FOR_S, LONGEST_WAIT_S, Attempt, Throttle
from rag_service.web.problems import STATUS, add_problem_handlers

HOME, ELSEWHERE = ip_address("192.0.2.7"), ip_address("198.51.100.1")
KEY, SECRET = "00112233aabbccdd", "rag_00112233aabbccdd_right"


class Clock:
    """Time passes when a test says so."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock=clock)


def wait_of(throttle: Throttle, attempt: Attempt) -> int:
    """Seconds that an attempt is told to wait; 0 where it is let through."""
    try:
        throttle.refuse_if_blocked(attempt)
    except TooManyAttempts as refusal:
        return refusal.retry_after_s
    return 0


def fail(throttle: Throttle, address: Address | None, key_id: str = KEY, times: int = 1) -> int:
    """How many of so many wrong credentials with this key id were looked at."""
    looked_at = 0
    for number in range(times):
        wrong = throttle.attempt(address, key_id, f"wrong {number}")
        if not wait_of(throttle, wrong):
            throttle.failed(wrong)
            looked_at += 1
    return looked_at


def test_waits_double_up_to_five_minutes(throttle: Throttle, clock: Clock) -> None:
    wrong = throttle.attempt(HOME, KEY, "wrong")
    waits = []
    for _ in range(FREE_FAILURES + 30):
        clock.time += wait_of(throttle, wrong)
        assert wait_of(throttle, wrong) == 0
        throttle.failed(wrong)
        waits.append(wait_of(throttle, wrong))
    assert waits[:FREE_FAILURES] == [0] * FREE_FAILURES
    assert waits[FREE_FAILURES : FREE_FAILURES + 8] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert max(waits) == LONGEST_WAIT_S
    assert waits[-1] >= 256


def test_the_right_credential_waits_as_well_where_its_pair_does(throttle: Throttle) -> None:
    """Else a guesser would learn at once which guess is right, and the wait would cost them nothing."""
    fail(throttle, HOME, times=FREE_FAILURES + 1)
    assert wait_of(throttle, throttle.attempt(HOME, KEY, SECRET)) == 1


def test_attempts_go_one_at_a_time_once_waits_have_begun(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, HOME, times=FREE_FAILURES + 1)
    clock.time += 1
    wrong = throttle.attempt(HOME, KEY, "wrong")
    assert [wait_of(throttle, wrong) for _ in range(5)] == [0, 1, 1, 1, 1]


def test_many_key_ids_of_one_network_are_counted_together(throttle: Throttle) -> None:
    looked_at = sum(fail(throttle, HOME, f"{number:016x}") for number in range(5000))
    assert looked_at == 10 * FREE_FAILURES + 1
    assert wait_of(throttle, throttle.attempt(HOME, "ffff", "never seen")) == 1
    assert wait_of(throttle, throttle.attempt(ELSEWHERE, "ffff", "never seen")) == 0


def test_an_address_block_is_one_network(throttle: Throttle) -> None:
    for number in range(10 * FREE_FAILURES + 1):
        fail(throttle, IPv6Address(f"2001:db8:0:1::{number:x}"), f"{number:016x}")
    assert wait_of(throttle, throttle.attempt(IPv6Address("2001:db8:0:1:ffff::"), "x", "y"))
    assert not wait_of(throttle, throttle.attempt(IPv6Address("2001:db8:0:2::"), "x", "y"))
    assert not wait_of(throttle, throttle.attempt(HOME, "x", "y"))


def test_clients_of_unknown_address_are_one_network(throttle: Throttle) -> None:
    fail(throttle, None, times=FREE_FAILURES + 1)
    assert wait_of(throttle, throttle.attempt(None, KEY, SECRET)) == 1


def test_one_failure_is_forgiven_every_five_minutes(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, HOME, times=FREE_FAILURES)
    clock.time += 3 * FORGIVEN_EVERY_S
    assert fail(throttle, HOME, times=100) == 4
    clock.time += 1000 * FORGIVEN_EVERY_S
    assert fail(throttle, HOME, times=100) == FREE_FAILURES + 1


def test_a_success_forgives_its_pair_and_never_its_network(throttle: Throttle) -> None:
    """Or an attacker with one good key would use it to wash themselves clean."""
    tries = 0
    for number in range(3000):
        tries += fail(throttle, HOME, f"{number:016x}")
        throttle.succeeded(throttle.attempt(HOME, KEY, SECRET))
    assert tries == 10 * FREE_FAILURES + 1
    fail(throttle, ELSEWHERE, times=FREE_FAILURES)
    throttle.succeeded(throttle.attempt(ELSEWHERE, KEY, SECRET))
    assert fail(throttle, ELSEWHERE, times=100) == FREE_FAILURES + 1


def test_clients_that_keep_using_expired_keys_harm_themselves_alone(throttle: Throttle, clock: Clock) -> None:
    for minute in range(2000):
        fail(throttle, HOME, f"expired {minute % 5}")
        clock.time += 12
    assert wait_of(throttle, throttle.attempt(HOME, "expired 0", "expired"))
    assert not wait_of(throttle, throttle.attempt(HOME, "another", "good"))


@given(st.lists(st.tuples(st.sampled_from([KEY, "other", ""]), st.floats(0, 400), st.booleans()), max_size=150))
@settings(max_examples=40)
def test_nothing_done_from_elsewhere_holds_a_client_back(acts: list[tuple[str, float, bool]]) -> None:
    clock = Clock()
    throttle = Throttle(clock=clock)
    for key_id, passes, own_success in acts:
        fail(throttle, ELSEWHERE, key_id, times=8)
        if own_success:
            throttle.succeeded(throttle.attempt(ELSEWHERE, "their own", "their secret"))
        clock.time += passes
        assert wait_of(throttle, throttle.attempt(HOME, KEY, SECRET)) == 0


@pytest.mark.parametrize("key_id", [KEY, "made up"])
def test_a_credential_that_worked_passes_whatever_its_network_does(
    key_id: str, throttle: Throttle, clock: Clock
) -> None:
    right = throttle.attempt(HOME, KEY, SECRET)
    throttle.succeeded(right)
    for number in range(3000):
        fail(throttle, HOME, key_id if key_id == KEY else f"{number:016x}")
    assert wait_of(throttle, throttle.attempt(HOME, KEY, "wrong"))
    assert not wait_of(throttle, right)
    clock.time += GOOD_FOR_S
    fail(throttle, HOME, KEY, times=100)
    assert wait_of(throttle, right)


def test_a_pair_that_signed_rightly_is_believed_whatever_others_sign_in_its_name(
    throttle: Throttle, clock: Clock
) -> None:
    """Or whoever knows the key id, which is no secret, could lock its signer out from the same network."""
    signed = throttle.attempt(HOME, KEY, None)
    throttle.succeeded(signed)
    for number in range(3000):
        fail(throttle, HOME, f"{number:016x}")
        throttle.failed(signed, still_good=True)
    assert not wait_of(throttle, signed)
    clock.time += GOOD_FOR_S
    for _ in range(FREE_FAILURES + 1):
        throttle.failed(signed, still_good=True)
    assert wait_of(throttle, signed)


def test_a_holder_is_known_by_whichever_of_their_tokens(throttle: Throttle) -> None:
    def theirs() -> Attempt:
        return throttle.attempt_of(HOME, ("key", KEY))

    throttle.succeeded(theirs())
    for number in range(3000):
        fail(throttle, HOME, KEY if number % 2 else f"{number:016x}")
    assert not wait_of(throttle, theirs())
    assert wait_of(throttle, throttle.attempt_of(HOME, ("key", "other")))
    for claimed in ("key" + KEY, KEY, ""):
        assert wait_of(throttle, throttle.attempt(HOME, claimed, KEY)), "who merely claims to be them is another"


@pytest.mark.parametrize("kind", ["shown", "signed", "holder"])
def test_who_worked_and_does_no_more_waits_like_anybody(kind: str, throttle: Throttle) -> None:
    revoked = {
        "shown": throttle.attempt(HOME, KEY, SECRET),
        "signed": throttle.attempt(HOME, KEY, None),
        "holder": throttle.attempt_of(HOME, ("key", KEY)),
    }[kind]
    throttle.succeeded(revoked)
    looked_at = 0
    for _ in range(100):
        if not wait_of(throttle, revoked):
            throttle.failed(revoked)
            looked_at += 1
    assert looked_at == FREE_FAILURES + 1


def test_a_flood_of_made_up_senders_is_bounded_and_frees_nobody_who_waits(clock: Clock) -> None:
    throttle = Throttle(clock=clock, most_entries=50)
    fail(throttle, ELSEWHERE, times=FREE_FAILURES + 5)
    for number in range(10 * FREE_FAILURES):
        fail(throttle, ELSEWHERE, f"{number:016x}")
    for number in range(4000):
        fail(throttle, IPv4Address(0x0A000000 + number), f"{number:016x}")
        throttle.succeeded(throttle.attempt(HOME, "theirs", f"token {number}"))
    assert wait_of(throttle, throttle.attempt(ELSEWHERE, KEY, SECRET))
    assert wait_of(throttle, throttle.attempt(ELSEWHERE, "any", "x"))
    held = [throttle._good, throttle._pairs._few, throttle._pairs._waiting, throttle._networks._few]
    assert [len(table) for table in [*held, throttle._networks._waiting]] == [50, 50, 1, 50, 1]


@given(st.lists(st.tuples(st.integers(0, 12), st.floats(0, 500)), max_size=60))
@settings(max_examples=40)
def test_nobody_waits_longer_than_five_minutes_and_is_then_let_through(acts: list[tuple[int, float]]) -> None:
    clock = Clock()
    throttle = Throttle(clock=clock)
    for times, passes in acts:
        fail(throttle, HOME, times=times)
        clock.time += passes
    wait = wait_of(throttle, throttle.attempt(HOME, KEY, SECRET))
    assert wait <= LONGEST_WAIT_S
    clock.time += wait
    assert wait_of(throttle, throttle.attempt(HOME, KEY, "another")) <= LONGEST_WAIT_S


def test_what_was_sent_is_not_kept(throttle: Throttle) -> None:
    attempt = throttle.attempt(HOME, KEY + "\ud800", SECRET * 1000)
    throttle.failed(attempt)
    throttle.succeeded(attempt)
    assert {len(attempt.network), len(attempt.pair), len(attempt.proof)} == {16}
    assert Throttle().attempt(HOME, KEY, SECRET) != throttle.attempt(HOME, KEY, SECRET)


def test_an_empty_credential_is_not_taken_for_a_signature_that_was_good(throttle: Throttle) -> None:
    assert throttle.attempt(HOME, KEY, "").proof != throttle.attempt(HOME, KEY, None).proof


def test_a_refusal_is_a_429_that_says_when_to_come_back(run: Callable[..., object]) -> None:
    import httpx
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    async def refuse() -> None:
        raise TooManyAttempts(17)

    async def anybody(_request: object) -> None: ...

    add_problem_handlers(app, anybody)

    async def scenario() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as web:
            response = await web.get("/")
        assert (response.status_code, response.headers["retry-after"]) == (429, "17")
        assert response.json()["type"] == "urn:rag-service:problem:too-many-attempts"

    assert (TooManyAttempts, 429, "too-many-attempts") in STATUS
    run(scenario())
