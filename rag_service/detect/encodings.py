"""What a text says once an encoding is undone: runs that decode to prose, and other ways of reading it.

A model reads base64, mirrored writing and spaced letters about as well as prose, and rules do not. Each reading tells
where its spans stand in the text. What is not prose once decoded (checksums, images, tokens) is no reading.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

Spans = Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Reading:
    """``text`` as it may be read; ``original`` gives the place of one of its spans."""

    text: str
    original: Spans


def readings(text: str) -> Iterator[Reading]:
    """What else the text may be read as, apart from as it stands.

    >>> [reading.text for reading in readings("Data: 48656c6c6f207468657265206d7920646561722066726965")]
    ['Hello there my dear frie']
    """
    yield from decoded_runs(text)
    lowered = text.lower()
    if any(word in lowered for word in _ROT13_WORDS):
        yield Reading(codecs.encode(text, "rot13"), _same)
    if any(word in lowered for word in _MIRRORED_WORDS):
        yield Reading(text[::-1], lambda start, end: (len(text) - end, len(text) - start))
    if len(_LEET_WORD.findall(text)) >= _LEAST_LEET:
        yield Reading(_LEET_WORD.sub(lambda match: match.group().translate(_LEET), text), _same)
    yield from _joined_letters(text)


def decoded_runs(text: str) -> Iterator[Reading]:
    """What runs of base64, hexadecimal digits and the like say, where they say something readable."""
    for pattern, decode in _RUNS:
        for match in pattern.finditer(text):
            if (decoded := decode(match.group())) is not None:
                yield Reading(decoded, _whole(match.span()))


def _whole(span: tuple[int, int]) -> Spans:
    return lambda start, end: span  # noqa: ARG005  # what was decoded stands there as a whole


def _same(start: int, end: int) -> tuple[int, int]:
    return start, end


_COMMANDING = (
    *("instructions", "ignore", "disregard", "prompt", "reveal", "override", "restrictions"),
    *("anweisungen", "instrucciones", "consignes"),
)
_ROT13_WORDS = tuple(codecs.encode(word, "rot13") for word in _COMMANDING)
_MIRRORED_WORDS = tuple(word[::-1] for word in _COMMANDING)
"""Only a text that holds one of these in disguise is read so."""
_LEET_WORD = re.compile(
    r"(?<![\w@$])(?=[\w@$]{0,20}?[A-Za-z])(?=[\w@$]{0,20}?[013457@$])[A-Za-z013457@$]{3,20}(?![\w@$])"
)
_LEET = str.maketrans("013457@$", "oieastas")
_LEAST_LEET = 3
"""Product codes mix letters and digits too, but not in a sentence of them."""
_SPACED = re.compile(r"(?<![\w])(?:[^\W\d_][ .\-_*]){2,400}[^\W\d_](?!\w)")


def _joined_letters(text: str) -> Iterator[Reading]:
    """Words written with gaps between their letters ("i g n o r e"), closed up. Wider gaps part the words."""
    pieces: list[str] = []
    starts: list[int] = []
    at = 0
    for match in _SPACED.finditer(text):
        start, end = match.span()
        pieces.append(text[at:start])
        starts.extend(range(at, start))
        for index in range(start, end, 2):
            pieces.append(text[index])
            starts.append(index)
        at = end
    if not starts and at == 0:
        return
    pieces.append(text[at:])
    starts.extend(range(at, len(text) + 1))
    yield Reading("".join(pieces), lambda start, end: (starts[start], starts[max(start, end - 1)] + 1))


def _readable(raw: bytes) -> str | None:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    printable = sum(character.isprintable() or character.isspace() for character in text)
    return text if printable >= 0.95 * len(text) and any(c in text for c in " \n") else None


def _base64(run: str) -> str | None:
    run = run.rstrip("=").replace("-", "+").replace("_", "/")
    run = run[: len(run) - 1] if len(run) % 4 == 1 else run
    try:
        return _readable(base64.b64decode(run + "=" * (-len(run) % 4)))
    except binascii.Error:
        return None


def _base32(run: str) -> str | None:
    run = run.rstrip("=")
    run = run[: len(run) - len(run) % 8 + (len(run) % 8 if len(run) % 8 in (0, 2, 4, 5, 7) else 0)]
    try:
        return _readable(base64.b32decode(run + "=" * (-len(run) % 8)))
    except binascii.Error:
        return None


def _hex(run: str) -> str | None:
    return _readable(bytes.fromhex(re.sub(r"\\x|[\s:,]", "", run)))


def _binary(run: str) -> str | None:
    bits = re.sub(r"\s", "", run)
    return _readable(bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8)))


def _ascii85(run: str) -> str | None:
    try:
        return _readable(base64.a85decode(run, adobe=True))
    except ValueError:
        return None


def _base85(run: str) -> str | None:
    try:
        return _readable(base64.b85decode(run))
    except ValueError:
        return None


def _escapes(run: str) -> str:
    return re.sub(r"\\u([0-9A-Fa-f]{4})", lambda match: chr(int(match.group(1), 16)), run)


def _morse(run: str) -> str | None:
    words = (run.replace("·", ".").replace("−", "-")).split("/")
    return " ".join("".join(_MORSE.get(letter, "") for letter in word.split()) for word in words) or None


_MORSE = dict(
    zip(
        (
            ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- "
            "--.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----. .-.-.- --..-- ..--.. .--.-. ..--.-"
        ).split(),
        "abcdefghijklmnopqrstuvwxyz0123456789.,?@_",
        strict=True,
    )
)

_RUNS: tuple[tuple[re.Pattern[str], Callable[[str], str | None]], ...] = (
    (re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{24,16384}={0,2}"), _base64),
    (re.compile(r"(?<![A-Z2-7])[A-Z2-7]{32,16384}={0,6}(?![A-Za-z0-9])"), _base32),
    (re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}){20,8192}(?![0-9A-Fa-f])"), _hex),
    (re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{2}(?:[ :,][0-9A-Fa-f]{2}){19,4096}(?![0-9A-Fa-f])"), _hex),
    (re.compile(r"(?:\\x[0-9A-Fa-f]{2}){12,4096}"), _hex),
    (re.compile(r"(?<![01])[01]{8}(?:\s?[01]{8}){11,4096}(?![01])"), _binary),
    (re.compile(r"<~[!-uz\s]{20,8192}?~>"), _ascii85),
    (re.compile(r"(?<![^\s\"'`])[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]{40,8192}(?![^\s\"'`.,])"), _base85),
    (re.compile(r"(?:\\u[0-9A-Fa-f]{4}){6,4096}"), _escapes),
    (re.compile(r"(?:&\#x?[0-9A-Fa-f]{2,6};){6,2048}"), html.unescape),
    (re.compile(r"(?:[\w.,:;@!'*()-]{0,60}%[0-9A-Fa-f]{2}){3,400}[\w.,:;@!'*()-]{0,60}"), unquote),
    (re.compile(r"(?<![.\-·−/])(?:[.\-·−]{1,6}(?: / ?|[ /])){14,4096}[.\-·−]{1,6}(?![.\-·−])"), _morse),
)
