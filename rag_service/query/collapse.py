"""Passages that say the same, once. Only passages that the caller may read are ever compared."""

from __future__ import annotations

from collections import Counter

from rag_service.lexical import words

_SHINGLE_WORDS = 4
_SAME = 0.8


class Collapse:
    """Remembers the passages kept so far; tells whether another says anything that no single one of them does.

    Word shingles and containment: Broder, "On the resemblance and containment of documents" (1997). A copy in which a
    word was exchanged says something else, however long it is: else a forged copy would stand for what it copies.

    >>> seen = Collapse()
    >>> [seen.is_new(text) for text in ("Paid in five days.", "* Paid in FIVE days", "Paid in ten days.")]
    [True, False, True]
    """

    def __init__(self) -> None:
        self._holders: dict[tuple[str, ...], list[int]] = {}
        self._held: list[frozenset[str]] = []

    def is_new(self, text: str) -> bool:
        """Whether no kept passage contains nearly all of ``text``; if so, ``text`` is kept."""
        sequence = words(text)
        said, shingles = frozenset(sequence), shingled(sequence)
        shared = Counter(holder for shingle in shingles for holder in self._holders.get(shingle, ()))
        most = _SAME * len(shingles)
        if any(count >= most and said <= self._held[holder] for holder, count in shared.items()):
            return False
        for shingle in shingles:
            self._holders.setdefault(shingle, []).append(len(self._held))
        self._held.append(said)
        return True


def shingled(sequence: list[str]) -> set[tuple[str, ...]]:
    """Every run of four words; a shorter text is one run."""
    if len(sequence) <= _SHINGLE_WORDS:
        return {tuple(sequence)} if sequence else set()
    return {tuple(sequence[i : i + _SHINGLE_WORDS]) for i in range(len(sequence) - _SHINGLE_WORDS + 1)}
