"""A sketch of a short document: enough to tell that it words what others word, and nothing of what that is.

Its parts: the direction of its meaning (its vector, in bytes); under a key of the tenant the set of its terms, the set
of its specifics (numbers, and names as far as capital letters tell), a MinHash of its word triples (Broder, "On the
resemblance and containment of documents", 1997), and where it begins with a question, that question's words in order.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag_service.detect.mirrored import MARK, opening, without_question
from rag_service.domain.document import EmbeddedChunk
from rag_service.lexical import terms, words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.uint32]

VERSION = "sketch-4"
LONGEST = 2000
"""Characters; who plants a claim in many wordings wants each to lie near the question, and a long text lies nowhere."""
LEAST_TERMS = 4
_HASHES = 64
_MOST_TERMS = 400
_HEAD = struct.Struct("<HHHH")
_LEAST_ASKED = 7
"""Words in common at the beginning, where no mark ends the question."""
_MARK = 0
_WORD_OR_STOP = re.compile(r"[^\W_]+|[.!?:\n]")


@dataclass(frozen=True, slots=True)
class Sketch:
    """``vector`` has unit length; ``terms`` and ``specifics`` are sets. Odd specifics are numbers, even ones names."""

    vector: npt.NDArray[np.float32]
    terms: Numbers
    specifics: Numbers
    wording: Numbers
    asked: Numbers

    def packed(self) -> bytes:
        """About two kilobytes at most."""
        import numpy as np

        whole = np.clip(np.rint(self.vector * 127 / max(float(np.abs(self.vector).max()), 1e-9)), -127, 127)
        head = _HEAD.pack(len(self.vector), len(self.terms), len(self.specifics), len(self.asked))
        numbers = np.concatenate([self.terms, self.specifics, self.wording, self.asked]).astype("<u4")
        return bytes(head + whole.astype("<i1").tobytes() + numbers.tobytes())

    @staticmethod
    def unpacked(raw: bytes) -> Sketch:
        """Raises ``ValueError`` where the bytes are no sketch."""
        import numpy as np

        if len(raw) < _HEAD.size:
            raise ValueError("no sketch")
        dimension, said, specific, asked = _HEAD.unpack_from(raw)
        named, worded = said + specific, said + specific + _HASHES
        count = worded + asked
        if len(raw) != _HEAD.size + dimension + 4 * count:
            raise ValueError("no sketch")
        vector = np.frombuffer(raw, "<i1", dimension, _HEAD.size).astype(np.float32)
        vector /= max(float(np.linalg.norm(vector)), 1e-9)
        numbers = np.frombuffer(raw, "<u4", count, _HEAD.size + dimension)
        return Sketch(vector, numbers[:said], numbers[said:named], numbers[named:worded], numbers[worded:])

    def alike(self, other: Sketch) -> float:
        """About which share of their word triples the two texts have in common."""
        return float((self.wording == other.wording).mean())

    def asks_as(self, other: Sketch) -> bool:
        """Whether both begin with one question: in whole, or where no mark ends it, in its first words."""
        own, others = self.asked.tolist(), other.asked.tolist()
        if not own or not others or own == others or (own[-1] == others[-1] == _MARK):
            return bool(own) and own == others
        shorter = min(len(own), len(others))
        return shorter >= _LEAST_ASKED and own[:_LEAST_ASKED] == others[:_LEAST_ASKED]


def sketch(text: str, passages: Sequence[EmbeddedChunk], key: bytes) -> Sketch | None:
    """The document's sketch; ``None`` where it says too much or too little to be one of a flood."""
    import numpy as np

    if len(text) > LONGEST or not passages:
        return None
    said = without_question(text)  # entries of a help centre differ in what they answer
    found = sorted({_number(term, key) for term in terms(said)})[:_MOST_TERMS]
    if len(found) < LEAST_TERMS:
        return None
    whole = np.sum([one.vector for one in passages], axis=0)
    vector = (whole / max(float(np.linalg.norm(whole)), 1e-9)).astype(np.float32)
    named = sorted({_specific(one, key) for one in specifics(said)})[:_MOST_TERMS]
    asked = np.asarray([_MARK if word == MARK else _number(word, key) for word in opening(text)], np.uint32)
    sets = np.asarray(found, np.uint32), np.asarray(named, np.uint32)
    return Sketch(vector, *sets, _wording(words(said), key), asked)


def specifics(text: str) -> set[str]:
    """Words with digits, and words with a capital letter within a sentence.

    >>> sorted(specifics("The tower in Paris has 3 floors. Visitors like it."))
    ['3', 'paris']
    """
    found: set[str] = set()
    begins = True
    for match in _WORD_OR_STOP.finditer(text):
        word = match.group()
        if word not in ".!?:\n" and (any(map(str.isdigit, word)) or (word[0].isupper() and not begins)):
            found.add(word.lower())
        begins = word in ".!?:\n"
    return found


def _wording(said: Sequence[str], key: bytes) -> Numbers:
    """The least of each of many orders of the text's word triples: equal in as many places as the texts are alike.

    The orders are drawn by multiplying and shifting (Dietzfelbinger and others, "A reliable randomized algorithm for
    the closest-pair problem", 1997), which wraps around on purpose: an order that does not is the numbers' own.
    """
    import numpy as np

    triples = {" ".join(said[at : at + 3]) for at in range(max(1, len(said) - 2))}
    seen = np.fromiter((_number(triple, key) for triple in triples), np.uint64, len(triples))
    draw = np.random.default_rng(int.from_bytes(hashlib.blake2b(b"orders", key=key[:64], digest_size=8).digest()))
    factors, shifts = draw.integers(0, 1 << 63, (2, _HASHES), dtype=np.uint64)
    orders = (seen[:, None] * (2 * factors + np.uint64(1)) + shifts) >> np.uint64(32)
    least: Numbers = orders.min(axis=0).astype(np.uint32)
    return least


def _specific(word: str, key: bytes) -> int:
    """Odd for what holds a digit, even for a name: which is which is all that can be told of it without the key."""
    return _number(word, key) & ~1 | any(map(str.isdigit, word))


def _number(text: str, key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), key=key[:64], digest_size=4).digest())
