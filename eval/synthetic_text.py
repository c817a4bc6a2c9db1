"""Text that nobody wrote: endless documents with the word statistics of prose, from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate

from rag_service.lexical import STOP_WORDS

_ONSETS = "b bl br c ch cl cr d dr f fl g gr h j l m n p pl pr qu r s sh sl sp st t th tr v w".split()
_RIMES = "a ack an and ar art ate e ead ell end ent er est i ice ide ile in ing ist o oad old on ore ort un ure".split()
_VOCABULARY = 12_000
_TOPIC_WORDS = 60


def documents(seed: int) -> Iterator[tuple[str, str]]:
    """Titles and texts without end, each about a topic of its own.

    Word frequencies fall as 1 / rank (Zipf), every third word is a function word, and half of the others belong to the
    document's topic, so that documents differ as real ones do and questions drawn from one single it out.
    """
    chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
    vocabulary = _vocabulary(chance)
    common = sorted(STOP_WORDS)
    weights = list(accumulate(1 / rank for rank in range(1, _VOCABULARY + 1)))
    while True:
        topic = chance.sample(vocabulary, _TOPIC_WORDS)

        def word(topic: list[str] = topic) -> str:
            draw = chance.random()
            if draw < 1 / 3:
                return chance.choice(common)
            return chance.choice(topic) if draw < 2 / 3 else chance.choices(vocabulary, cum_weights=weights)[0]

        paragraphs = [
            " ".join(_sentence([word() for _ in range(chance.randint(8, 22))]) for _ in range(chance.randint(4, 8)))
            for _ in range(chance.randint(3, 9))
        ]
        yield " ".join(topic[:4]).capitalize(), "\n\n".join(paragraphs)


def question(text: str, chance: random.Random) -> str:
    """A question in the words of one sentence of the text."""
    words = chance.choice(text.split(". ")).strip(". \n").lower().split()
    return f"what about {' '.join(words[: chance.randint(6, 10)])}?"


def _sentence(words: list[str]) -> str:
    return " ".join(words).capitalize() + "."


def _vocabulary(chance: random.Random) -> list[str]:
    """Distinct words of one to three syllables, the shortest not always the most frequent."""
    found: dict[str, None] = {}
    while len(found) < _VOCABULARY:
        found["".join(chance.choice(_ONSETS) + chance.choice(_RIMES) for _ in range(chance.randint(1, 3)))] = None
    return list(found)
