"""Tables of secrets and of what only looks like one."""

from __future__ import annotations

import time

import pytest

from rag_service.detect.credentials import find_credentials

# Assembled from parts, so that no scanner takes this file for a leak.
HITS = [
    ("The secret password: hunter2-Xy99!.", "hunter2-Xy99"),
    ("key id " + "AKIA" + "IOSFODNN7EXAMPLE" + " of the bucket", "AKIA" + "IOSFODNN7EXAMPLE"),
    (
        "aws_secret_access_key=" + "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    ("git clone with " + "ghp_" + "a1B2" * 9, "ghp_" + "a1B2" * 9),
    ("hook " + "xoxb-" + "123456789012-abcdefABCDEF", "xoxb-" + "123456789012-abcdefABCDEF"),
    ("maps " + "AIza" + "Sy" + "D3x4" * 8 + "k", "AIza" + "Sy" + "D3x4" * 8 + "k"),
    ("pay " + "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc", "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc"),
    ("model " + "sk-" + "proj-abc123DEF456ghi789JKL0", "sk-" + "proj-abc123DEF456ghi789JKL0"),
    (
        "t=" + "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0" + ".c2lnbmF0dXJl",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    ),
    ("postgres://app:" + "s3cr3tpw" + "@db.internal/app", "s3cr3tpw"),
    ("Password: hunter2", "hunter2"),
    ("password is Tr0ub4dor&3.", "Tr0ub4dor&3"),
    ('"password": "correctHorse9"', "correctHorse9"),
    ("Passwort: Geheim99!", "Geheim99"),
    ("contraseña: Secreto2024", "Secreto2024"),
    ("api_key = 'a8Fk29dkLs83kdLq02mZ'", "a8Fk29dkLs83kdLq02mZ"),
    ("Authorization: Bearer 8f7Gh2kLm9pQr4sTv6wXyZ", "8f7Gh2kLm9pQr4sTv6wXyZ"),
    ("passcode: 482913", "482913"),
]
NEAR_MISSES = [
    "The password is required at every log-in.",
    "Password: minimum 12 characters",
    "Passwords: see the policy of 2024.",
    "Token: ticket",
    "Our token budget is 4096 per request.",
    "secret management is important",
    "Bus pass: $45/month",
    "passport: see page 4",
    "https://example.com:8080/@team/page",
    "mailto://ops:443@",
    "AKIA is the prefix of a key id",
    "sk-learn and sk-a-very-long-hyphenated-name",
    "eyJ is how a token begins",
    "password: [CREDENTIAL]",
    "The api key is shown once, in the administration interface.",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
]


@pytest.mark.parametrize(("text", "secret"), HITS)
def test_a_secret_is_found_whole(text: str, secret: str) -> None:
    assert [text[found.start : found.end] for found in find_credentials(text)] == [secret]


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_what_only_looks_like_a_secret_is_left_alone(text: str) -> None:
    assert find_credentials(text) == []


def test_a_private_key_is_found_from_head_to_tail() -> None:
    block = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA\n" * 20 + "-----END RSA PRIVATE KEY-----"
    text = f"before\n{block}\nafter"
    assert [text[found.start : found.end] for found in find_credentials(text)] == [block]


def test_a_private_key_without_its_tail_is_found_as_far_as_it_goes() -> None:
    text = "-----BEGIN " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n\n(the rest is missing)"
    (found,) = find_credentials(text)
    assert text[found.end :] == "\n\n(the rest is missing)"


@pytest.mark.parametrize(
    "unit", ["a_", "password ", "sk-", "eyJ", "-----BEGIN PRIVATE KEY-----", "a://", "secret_", "token:", "http://a:"]
)
def test_time_grows_no_faster_than_the_text(unit: str) -> None:
    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        start = time.process_time()
        find_credentials(text)
        return time.process_time() - start

    # Quadratic time would give 64; the bound only has to tell the two apart on a busy machine.
    assert seconds(800_000) < 30 * max(seconds(100_000), 0.005)
