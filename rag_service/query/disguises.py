"""The ways in which a text can be written so that a program does not find a word in it and a reader does.

``spellings`` writes a secret in the encodings that a model can be asked for. ``readings``, ``strided`` and ``decoded``
read a draft so that spacing, punctuation, look-alikes, padding and encodings are undone. A spelling in a reading is a
leak.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import contextlib
import html
import re
import unicodedata
from collections.abc import Callable, Iterator

from rag_service.detect.characters import CONFUSABLE, leet
from rag_service.detect.concealment import reveal

_LOOK_ALIKE = str.maketrans(CONFUSABLE)
_ATBASH = str.maketrans("abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba")
_DIGITS = (
    "zero one two three four five six seven eight nine",
    "null eins zwei drei vier fünf sechs sieben acht neun",
    "zéro un deux trois quatre cinq six sept huit neuf",
    "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "zero uno due tre quattro cinque sei sette otto nove",
    "zero um dois três quatro cinco seis sete oito nove",
    "nul een twee drie vier vijf zes zeven acht negen",
)
_SPOKEN = (
    {word: str(digit) for spoken in _DIGITS for digit, word in enumerate(spoken.split())}
    | {word: word[0] for word in "alpha bravo charlie delta echo foxtrot".split()}
    | {"alfa": "a", "oh": "0", "nought": "0", "null": "0"}
)
_TOKEN = re.compile(r"[^\W_]+")
_HEX = re.compile(r"[0-9a-f]{1,16}")
_CODE = re.compile(r"[b-f]|(?=[a-f]{0,3}\d)[0-9a-f]{1,4}")
_ESCAPE = re.compile(r"(?:\\u00|\\x|\\|&#x|&#|0x|%)([0-9A-Fa-f]{2});?[\s,]?")
_CODED = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?:(?=[A-Za-z+/_-]{0,80}\d)(?=[\d+/_-]{0,80}[A-Za-z])[A-Za-z0-9+/_-]{12,4000}={0,2}"
    r"|[A-Za-z+/]{24,4000}={0,2}|[01]{7,4000}(?:\s[01]{7,64}){2,}|(?:\d{2,3}[\s,;]){6,})"
    r"|(?:\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2}|&#x?[0-9A-Fa-f]{1,6};){3,}"
)
_SPELLED = re.compile(r"(?<!\w)(?:[^\W_][\s.\-_*|/,]{1,3}){6,200}[^\W_](?!\w)")
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,16384}={0,2}")


def spellings(secret: str) -> frozenset[str]:
    """The secret, plain and reversed, and both encoded: what to look for in each reading."""
    found: set[str] = set()
    for plain in (secret, secret[::-1]):
        raw = plain.encode()
        found |= {plain, leet(plain), codecs.encode(plain, "rot13"), plain.translate(_ATBASH), raw.hex()}
        for form in ("d", "03o", "08b"):
            found.add("".join(format(byte, form) for byte in raw))
        for one in (raw, raw.upper()):
            found.update(_aligned(one, 6, base64.b64encode))
        for encoded in _aligned(raw, 5, base64.b32encode):
            found |= {encoded, encoded.lower()}
    return frozenset(found | {one[::-1] for one in found})


def readings(text: str) -> list[str]:
    """The text's letters and digits in a row, in each of the ways in which others could have been put between them.

    Always as many, so that what the sentences of a draft give can be joined, reading by reading. The first is in lower
    case and leaves nothing out.
    """
    shown = unicodedata.normalize("NFKC", reveal(text)).translate(_LOOK_ALIKE)
    written = _TOKEN.findall(shown)
    tokens = [token.lower() for token in written]
    together = "".join(tokens)
    spoken = [_SPOKEN.get(token, token) for token in tokens]
    return [
        together,
        "".join(written),
        leet("".join(shown.split())),
        "".join(spoken),
        "".join(token for token in spoken if len(token) == 1),
        "".join(token for token in tokens if _HEX.fullmatch(token)),
        "".join(token for token in tokens if _CODE.fullmatch(token)),
        "".join(token[0] for token in tokens),
        "".join(token[-1] for token in tokens),
        together[:1],
        together[-1:],
    ]


def strided(text: str) -> list[str]:
    """Every second, third and fourth character, from each start: what is left without regular padding.

    >>> strided("s-e-c-")[0]
    'sec'
    """
    return [text[offset::stride] for stride in range(2, 5) for offset in range(stride)]


def decoded(text: str) -> list[str]:
    """What the runs of the text that may be base64, hexadecimal or percent codes stand for."""
    found = [_ESCAPE.sub(lambda match: chr(int(match[1], 16)), html.unescape(text))] if _ESCAPE.search(text) else []
    for match in _ENCODED.finditer(text):
        run = match.group().rstrip("=").replace("-", "+").replace("_", "/")
        with contextlib.suppress(binascii.Error, ValueError):
            found.append(base64.b64decode(run[: len(run) - (len(run) % 4 == 1)] + "=" * (-len(run) % 4)).decode())
        with contextlib.suppress(ValueError):
            found.append(bytes.fromhex(run).decode())
    return found


def looks_encoded(text: str, known: str) -> bool:
    """Whether the text holds a run of characters that is no word or number of a language, and that ``known`` lacks.

    >>> looks_encoded("Take Zm9vYmFyYmF6cXV4eA== along.", ""), looks_encoded("A 1200-page handbook.", "")
    (True, False)
    """
    return any(match.group() not in known for pattern in (_CODED, _SPELLED) for match in pattern.finditer(text))


def _aligned(raw: bytes, bits: int, encode: Callable[[bytes], bytes]) -> Iterator[str]:
    """The part of an encoding that does not depend on what stands before and after, for each place in a block.

    A character of the encoding carries so many ``bits``.
    """
    for before in range(bits if bits == 5 else 3):
        encoded = encode(b"\0" * before + raw).decode()
        yield encoded[-(-before * 8 // bits) : (before + len(raw)) * 8 // bits]
