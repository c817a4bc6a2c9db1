"""Words and phrases that a tenant forbids, wherever they stand as words, however they are spelled."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from rag_service.detect.characters import leet
from rag_service.detect.concealment import reveal

_WORD = re.compile(r"[^\W_]+")
_ONLY_WORDS = re.compile(r"[\w\s'’.-]*[^\W_][\w\s'’.-]*")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f]")
"""Letters of scripts that write no space between words: a term may stand anywhere in a run of them."""


def forbidden_in(text: str, terms: tuple[str, ...]) -> tuple[str, ...]:
    """Which of the terms the text holds, as whole words, without regard to case, accents or invisible characters.

    Nor to how the words are spaced, hyphenated or joined, or spelled with digits for letters.

    >>> forbidden_in("About PROJÉCT\\n heron: why?", ("project heron", "her"))
    ('project heron',)
    >>> forbidden_in("p r o j e c t H-e-r-0-n in the cathedral", ("Project Heron", "cat"))
    ('Project Heron',)
    """
    if not terms:
        return ()
    folded = fold(text)
    joined = _joined(terms)
    runs = _runs(_WORD.findall(folded), max(map(len, joined)))
    known = {term for run in runs for term in joined.get(run, ())}
    return tuple(term for term, pattern in _patterns(terms) if term in known or pattern.search(folded))


def _runs(words: list[str], longest: int) -> Iterator[str]:
    """What words in a row are together, as they are spelled and with letters for digits, up to so many characters."""
    for spelled in (words, [leet(word) for word in words]):
        for at in range(len(spelled)):
            run = ""
            for word in spelled[at:]:
                run += word
                if len(run) > longest:
                    break
                yield run


@lru_cache(maxsize=256)
def _joined(terms: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The terms by what their words are together; not those of which signs are a part, as in "C++"."""
    found: dict[str, tuple[str, ...]] = {}
    for term in terms:
        folded = fold(term)
        if _ONLY_WORDS.fullmatch(folded):
            together = "".join(_WORD.findall(folded))
            found[together] = (*found.get(together, ()), term)
    return found or {"": ()}


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
