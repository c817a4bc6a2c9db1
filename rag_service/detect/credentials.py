"""Secrets that open something: keys and tokens by their shape, passwords and secrets by the word before them.

Every repetition is bounded, so the time is linear in the text whatever it holds.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from rag_service.detect.entities import CREDENTIAL
from rag_service.domain.document import Finding

VERSION = "credentials-1"

_SHAPES = re.compile(
    r"""
    (?<![A-Za-z0-9])(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16}(?![A-Za-z0-9])                # AWS key id
    | (?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{36,255}                                        # GitHub
    | (?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{22,255}
    | (?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{20,64}                                           # GitLab
    | (?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9-]{10,255}                                    # Slack
    | https://hooks\.slack\.com/services/[A-Za-z0-9/_-]{20,120}
    | (?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9])                                 # Google
    | (?<![A-Za-z0-9])ya29\.[A-Za-z0-9_-]{20,500}
    | (?<![A-Za-z0-9])(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,255}                       # Stripe
    | (?<![A-Za-z0-9])whsec_[A-Za-z0-9+/=]{24,128}
    | (?<![A-Za-z0-9])sk-(?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_-]{20,255}                    # OpenAI-like
    | (?<![A-Za-z0-9])hf_[A-Za-z]{30,64}(?![A-Za-z0-9])                                    # Hugging Face
    | (?<![A-Za-z0-9])(?:npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,500})                   # registries
    | (?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}                       # SendGrid
    | (?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{8,4000}  # JWT
    | (?<![A-Za-z0-9])AccountKey=[A-Za-z0-9+/]{40,128}={0,2}                               # Azure
    """,
    re.VERBOSE,
)
_KEY_HEAD = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_TAIL = re.compile(r"-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_LONGEST = 16_384
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=\s]{0,16384}")
_CONNECTION = re.compile(
    r"(?<![a-z0-9])[a-z][a-z0-9+.-]{1,24}://[^\s:/@\[\]<>]{0,128}:(?P<value>[^\s@/\[\]<>{}$]{1,128})@(?=[\w.\[-])",
    re.IGNORECASE,
)
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


def find_credentials(text: str) -> list[Finding]:
    """Spans of secrets, in order and without overlap.

    >>> text = "Use password: hunter2! to log in"
    >>> [text[found.start:found.end] for found in find_credentials(text)]
    ['hunter2']
    >>> find_credentials("The password is reset every 90 days.")
    []
    """
    found = list(_private_keys(text))
    found += [Finding(CREDENTIAL, *match.span()) for match in _SHAPES.finditer(text)]
    if "://" in text:
        found += [
            Finding(CREDENTIAL, *match.span("value"))
            for match in _CONNECTION.finditer(text)
            if not match["value"].isdigit() or len(match["value"]) > 5
        ]
    found += _assigned(text)
    found.sort(key=lambda finding: (finding.start, -finding.end))
    kept: list[Finding] = []
    for finding in found:
        if not kept or finding.start >= kept[-1].end:
            kept.append(finding)
        elif finding.end > kept[-1].end:
            kept[-1] = Finding(CREDENTIAL, kept[-1].start, finding.end)
    return kept
