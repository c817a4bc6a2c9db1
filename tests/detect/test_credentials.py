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
    ("token " + "glpat-" + "a1B2c3D4e5F6g7H8i9J0", "glpat-" + "a1B2c3D4e5F6g7H8i9J0"),
    ("model " + "sk-ant-" + "api03-a1B2c3D4e5F6g7H8i9J0k1", "sk-ant-" + "api03-a1B2c3D4e5F6g7H8i9J0k1"),
    ("use " + "hf_" + "aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1w", "hf_" + "aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1w"),
    ("twilio " + "SK" + "0a1b2c3d" * 4, "SK" + "0a1b2c3d" * 4),
    ("npm " + "npm_" + "a1B2" * 9, "npm_" + "a1B2" * 9),
    ("bot " + "123456789:AA" + "a1B2c3D4e5F" * 3, "123456789:AA" + "a1B2c3D4e5F" * 3),
    ("AccountName=x;AccountKey=" + "a1B2c3D4" * 10 + "==;Suffix=y", "AccountKey=" + "a1B2c3D4" * 10 + "=="),
    ("?sv=2022&sig=" + "a1B2c3D4" * 5 + "%3D&se=1", "sig=" + "a1B2c3D4" * 5 + "%3D"),
    ("jdbc:postgresql://db/app?user=a&password=Tr0ub4dor", "Tr0ub4dor"),
    ("Server=db;User Id=sa;Password=Sup3rS3cret;", "Sup3rS3cret"),
    ("mongodb+srv://app:" + "s3cr3tpw" + "@cluster.example/x", "s3cr3tpw"),
    ("amqp://app:" + "s3cr3tpw" + "@mq:5672//", "s3cr3tpw"),
    ("redis://:" + "s3cr3tpw" + "@cache:6379/0", "s3cr3tpw"),
    ("machine host.example login ann password correcthorse", "correcthorse"),
    ("Authorization: Basic " + "YW5uOmNvcnJlY3Rob3JzZQ==", "YW5uOmNvcnJlY3Rob3JzZQ=="),
    ("client-key-data: " + "LS0tLS1CRUdJTiBSU0Eg" * 4, "LS0tLS1CRUdJTiBSU0Eg" * 4),
    ("curl -u ann:correcthorse https://a.example", "correcthorse"),
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
    "postgres://user:password@localhost/app and redis://:${REDIS_PASSWORD}@cache",
    "postgres://user:<password>@db/app",
    "token " + "ghp_" + "x" * 36,
    "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12, sha256:" + "0a1b2c3d" * 8,
    "id 123e4567-e89b-12d3-a456-426614174000",
    "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAA" * 4,
    "Authorization: Bearer <token>",
    "machine learning and login pages",
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
    assert seconds(400_000) < 30 * max(seconds(50_000), 0.005)
