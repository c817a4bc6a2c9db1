"""A person's name to a stable stand-in: in documents by what the scrubbing finds, in questions by trying.

A question is too short for a language model to find names in. Instead every run of up to three words is turned into
the pseudonym it would have; those that are no one's match nothing, because no document holds them.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata

from rag_service.lexical import STOP_WORDS, words

_LONGEST_NAME = 3


def pseudonym(name: str, key: bytes) -> str:
    """The tenant's stand-in for a person's name, whatever its case, spacing and hyphens.

    >>> pseudonym("Ada  Lovelace-King", b"k" * 16) == pseudonym("ADA LOVELACE KING", b"k" * 16)
    True
    """
    normal = " ".join(words(unicodedata.normalize("NFKC", name).casefold()))
    return f"[PERSON_{hmac.digest(key, normal.encode(), hashlib.sha256).hex()[:8]}]"


def pseudonyms_in(question: str, key: bytes) -> list[str]:
    """The pseudonym of every run of words that could be a name."""
    sequence = words(question)
    runs = (
        sequence[start : start + length]
        for length in range(1, _LONGEST_NAME + 1)
        for start in range(len(sequence) - length + 1)
    )
    return [pseudonym(" ".join(run), key) for run in runs if not STOP_WORDS & {run[0], run[-1]}]
