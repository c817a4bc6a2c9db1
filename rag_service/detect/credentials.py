"""Secrets that open something: keys and tokens by their shape, passwords and secrets by the word before them.

Every repetition is bounded, so the time is linear in the text whatever it holds.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from rag_service.detect.entities import CREDENTIAL
from rag_service.detect.secret_shapes import BASIC, COMMAND, CONNECTION, KUBECONFIG, NETRC, PARAMETER, SHAPES
from rag_service.domain.document import Finding

VERSION = "credentials-2"

_KEY_HEAD = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d:")
_KEY_TAIL = re.compile(r"-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----|Private-MAC: ?[0-9a-f]{40,64}")
_KEY_LONGEST = 16_384
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=\s]{0,16384}")
_QUOTE = "\"'`“”‘’"
_ASSIGNMENT = re.compile(
    rf"""
    (?<![A-Za-z])
    (?P<name>
        pass(?:word|wd|phrase|code)? | pwd | contraseña | passwort | kennwort | mot\ de\ passe | senha
      | (?:[A-Za-z0-9]{{1,20}}[_-]){{0,3}}
        (?:secret(?:[_ -]?(?:access[_ -]?)?key)? | api[_ -]?(?:key|token|secret) | access[_ -]?(?:key|token)
          | auth[_ -]?token | client[_ -]?secret | private[_ -]?key | token | bearer | passw(?:or)?d)
    )
    (?P<join>[{_QUOTE}*]{{0,3}}\ ?(?::=|=>|[:=]|\ is|\ ist|\ es|\ est)\ ?|\ )
    [{_QUOTE}*]{{0,3}}
    (?P<value>[^\s{_QUOTE}<>\[\]{{}},;*]{{4,255}})
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PASSWORD_NAME = re.compile(r"pass|pwd|contras|kennwort|senha", re.IGNORECASE)


_PLACEHOLDERS = frozenset(
    "password passwd pass pwd secret token null none true false string example changeme change_me redacted".split()
)
_PLACEHOLDER_WORD = re.compile(r"^(?:your|my|the|some|insert|enter|replace)[-_ ]|^x{3,}|^\*+$|^\.{2,}|_here$|-here$")


def entropy(value: str) -> float:
    """Shannon entropy in bits a character.

    >>> entropy("aaaa"), entropy("abcd")
    (0.0, 2.0)
    """
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values()) + 0.0


def _looks_secret(value: str) -> bool:
    """Random enough to be a key: long, letters and digits mixed, few repeats."""
    letters = sum(c.isalpha() for c in value)
    digits = sum(c.isdigit() for c in value)
    mixed = digits >= 2 or (digits == 1 and value.upper() != value and value.lower() != value)
    return len(value) >= 16 and letters >= 3 and mixed and entropy(value) >= 3.3


def _looks_password(value: str) -> bool:
    """Not a plain word: a digit or symbol inside, or capitals and lower case in turn."""
    inside = value[:-1] if value[-1:] in ".!?" else value
    digit = any(c.isdigit() for c in inside)
    symbol = any(not c.isalnum() and c not in "-_/.:'()" for c in inside)
    alphabetic = any(c.isalpha() for c in inside)
    inner_capital = any(c.isupper() for c in inside[1:]) and any(c.islower() for c in inside)
    if inside[:1] in "$€£₹":
        return False
    return len(inside) >= 4 and ((alphabetic and (digit or symbol)) or inner_capital or (digit and len(inside) >= 6))


def _assigned(text: str) -> Iterator[Finding]:
    position = 0
    while match := _ASSIGNMENT.search(text, position):
        position = match.start("value")  # what stands as a value may be the name: "the secret password: …"
        value, join = match["value"], match["join"]
        start, end = match.span("value")
        while end > start and text[end - 1] in ".!?:)":
            end -= 1
        value = text[start:end]
        if not value:
            continue
        assigned = bool(join.strip())
        if _PASSWORD_NAME.search(match["name"]) and assigned:
            explicit = join.strip()[-1] in ":=>"
            secret = _looks_password(value) if explicit else _looks_password(value) and any(c.isdigit() for c in value)
            # "password: https://…" and "Password: 8-12 characters" describe, they do not disclose.
            secret = secret and "://" not in value and not re.fullmatch(r"[\d-]{1,5}\+?", value)
        else:
            secret = _looks_secret(value)
        if secret:
            yield Finding(CREDENTIAL, start, end, 0.8)


def _private_keys(text: str) -> Iterator[Finding]:
    position = 0
    while head := _KEY_HEAD.search(text, position):
        tail = _KEY_TAIL.search(text, head.end(), head.end() + _KEY_LONGEST)
        end = tail.end() if tail else min(len(text), head.end() + _KEY_LONGEST)
        if not tail:
            # A truncated key still holds key material: take what is base64.
            body = _KEY_BODY.match(text, head.end(), end)
            end = head.end() + len(body.group().rstrip()) if body else head.end()
        position = max(end, head.end())
        yield Finding(CREDENTIAL, head.start(), position)


_IN_PLACE = ((CONNECTION, "://"), (PARAMETER, "="), (NETRC, "login"), (KUBECONFIG, ":"), (BASIC, "uthorization"))


def _in_place(text: str) -> Iterator[Finding]:
    """Secrets that stand where one must: in addresses, connection strings, files of settings and commands."""
    for pattern, sign in _IN_PLACE:
        if sign not in text:
            continue
        for match in pattern.finditer(text):
            value = match["value"]
            if pattern is CONNECTION and value.isdigit() and len(value) <= 5:
                continue  # a port
            if not _is_placeholder(value):
                yield Finding(CREDENTIAL, *match.span("value"))
    for match in COMMAND.finditer(text):
        for name, value in match.groupdict().items():
            if value and not _is_placeholder(value):
                yield Finding(CREDENTIAL, *match.span(name))


def _is_placeholder(value: str) -> bool:
    """Whether the value stands for a secret and is none: ``<password>``, ``${PASS}``, ``****``, ``your-password``."""
    plain = value.strip("\"'`").casefold()
    return (
        plain[:1] in {"$", "%", "{", "<", "[", ""}
        or len(set(plain)) <= 1
        or plain in _PLACEHOLDERS
        or bool(_PLACEHOLDER_WORD.search(plain))
    )


def _is_example(value: str) -> bool:
    """Whether what has the form of a key repeats one character, as keys in manuals do: ``ghp_xxxxxxxx…``."""
    tail = value[-16:]
    return len(set(tail.casefold())) <= 2


def find_credentials(text: str) -> list[Finding]:
    """Spans of secrets, in order and without overlap.

    >>> text = "Use password: hunter2! to log in"
    >>> [text[found.start:found.end] for found in find_credentials(text)]
    ['hunter2']
    >>> find_credentials("The password is reset every 90 days.")
    []
    """
    found = list(_private_keys(text))
    found += [Finding(CREDENTIAL, *match.span()) for match in SHAPES.finditer(text) if not _is_example(match.group())]
    found += _in_place(text)
    found += _assigned(text)
    found.sort(key=lambda finding: (finding.start, -finding.end))
    kept: list[Finding] = []
    for finding in found:
        if not kept or finding.start >= kept[-1].end:
            kept.append(finding)
        elif finding.end > kept[-1].end:
            kept[-1] = Finding(CREDENTIAL, kept[-1].start, finding.end)
    return kept
