"""Mails that are deep, long, or name too many people."""

from __future__ import annotations

_HEAD = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: Hello\r\nMIME-Version: 1.0\r\n"


def nested_parts(levels: int = 100_000) -> bytes:
    """Multipart in multipart, each with a boundary of its own."""
    opened = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(levels))
    return _HEAD + opened + b"Content-Type: text/plain\r\n\r\nAn honest sentence.\r\n"


def nested_mails(levels: int = 20_000) -> bytes:
    """A mail that was forwarded very often."""
    return (_HEAD + b"Content-Type: message/rfc822\r\n\r\n") * levels + _HEAD + b"\r\nAn honest sentence.\r\n"


def many_headers(count: int = 100_000) -> bytes:
    return _HEAD + b"".join(b"X-Header-%d: value\r\n" % n for n in range(count)) + b"\r\nAn honest sentence.\r\n"


def many_receivers(count: int = 100_000) -> bytes:
    named = b", ".join(b'"Name, %d" <a%d@example.org>' % (n, n) for n in range(count))
    return b"From: a@example.org\r\nSubject: Hello\r\nTo: " + named + b"\r\n\r\nAn honest sentence.\r\n"


def encoded_words(count: int = 100_000) -> bytes:
    return (
        b"From: a@example.org\r\nTo: b@example.org\r\nSubject: " + b"=?utf-8?b?YQ==?= " * count + b"\r\n\r\nHello.\r\n"
    )


def nested_comments(levels: int = 100_000) -> bytes:
    return b"From: " + b"(" * levels + b" a@example.org\r\nTo: b@example.org\r\nSubject: a\r\n\r\nHello.\r\n"


def many_parts(count: int = 100_000) -> bytes:
    parts = b"--b\r\nContent-Type: text/plain\r\n\r\na\r\n" * count
    return _HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + parts + b"--b--\r\n"
