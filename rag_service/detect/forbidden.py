"""Words and phrases that a tenant forbids, wherever they stand as words, however they are spelled."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rag_service.detect.concealment import reveal

_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f]")
"""Letters of scripts that write no space between words: a term may stand anywhere in a run of them."""


def forbidden_in(text: str, terms: tuple[str, ...]) -> tuple[str, ...]:
    """Which of the terms the text holds, as whole words, without regard to case, accents or invisible characters.

    >>> forbidden_in("About PROJÉCT\\n heron: why?", ("project heron", "her"))
    ('project heron',)
    """
    if not terms:
        return ()
    folded = fold(text)
    return tuple(term for term, pattern in _patterns(terms) if pattern.search(folded))


def fold(text: str) -> str:
    """The text as it is compared: revealed, without accents, case folded.

    >>> fold("STRASSE Ängström") == fold("straße angstrom")
    True
    """
    parted = unicodedata.normalize("NFKD", reveal(text))
    bare = "".join(character for character in parted if not unicodedata.combining(character))
    return unicodedata.normalize("NFKD", bare.casefold())


@lru_cache(maxsize=256)
def _patterns(terms: tuple[str, ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((term, _pattern(term)) for term in terms)


def _pattern(term: str) -> re.Pattern[str]:
    words = fold(term).split()
    before = "" if _UNSPACED.match(words[0]) else r"(?<!\w)"
    after = "" if _UNSPACED.match(words[-1][-1]) else r"(?!\w)"
    return re.compile(before + r"\s{1,20}".join(map(re.escape, words)) + after)
