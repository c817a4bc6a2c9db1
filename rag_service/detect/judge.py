"""Whether a request in a document is for the document's readers, or for an assistant that reads it for them.

Two things tell. What is asked: a poem, a translation, another form of the answer is asked of an assistant, while pumps
are started and forms handed in by people. And where it stands: a list of questions about a bank asks about banking.
A text's vector, the classifier's score and two cosines go into two small logistic models; ``eval/detection/fit.py``
makes their weights, and says from what.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag_service.detect.judge_weights import PLACE, SENTENCE_BIAS, SENTENCE_CLASSIFIER, sentence_weights
from rag_service.domain.document import Finding
from rag_service.ports import Embedder, InjectionClassifier

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_ABOUT_ANSWER = re.compile(
    r"\b(?:your|the|every|each)\s(?:\w{2,14}\s){0,2}(?:answers?|responses?|repl(?:y|ies)|outputs?|messages?|summar(?:y|ies))\b",
    re.IGNORECASE,
)
_CAUSE = 0.5
"""The chance that a request must have where nothing around is near it, for its place to be looked at."""
AROUND = 400
"""Characters on either side of a request that tell what its document is about there."""


@dataclass(frozen=True, slots=True)
class RequestInPlace:
    """A request, the text around it without it, and the title over both."""

    text: str
    around: str
    title: str


class Judge:
    """Judges requests with an embedder and a classifier. Blocking; thread-safe where they are.

    The weights are those of the packaged embedding model: no other fits.
    """

    def __init__(self, embedder: Embedder, classifier: InjectionClassifier) -> None:
        self._embedder = embedder
        self._classifier = classifier

    def judge(self, requests: Sequence[RequestInPlace]) -> list[float]:
        """How surely each is none for the readers of its document, from 0 to 1, in the order given.

        Text around a request is embedded only where the request by itself gives cause: 0 says that it gave none.
        """
        if not requests:
            return []
        texts = [one.text for one in requests]
        vectors = self._embedder.embed(texts)
        likely = likelihoods(vectors, self._classifier.score(texts))
        known: dict[str, npt.NDArray[np.float32]] = {}

        def nearness(text: str, vector: npt.NDArray[np.float32]) -> float:
            if text not in known:  # one title stands over many requests
                known[text] = self._embedder.embed([text])[0]
            return float(known[text] @ vector)

        return [
            0.0
            if _chance(request, value, 0.0, 0.0) < _CAUSE
            else _chance(request, value, nearness(request.around, vector), nearness(request.title, vector))
            for request, vector, value in zip(requests, vectors, likely, strict=True)
        ]


def _chance(request: RequestInPlace, likely: float, around: float, title: float) -> float:
    terms = place_terms(request, likely, around, title)
    return 1.0 / (1.0 + math.exp(-sum(weight * term for weight, term in zip(PLACE, terms, strict=True))))


def in_place(text: str, title: str, request: Finding, longest: int) -> RequestInPlace:
    """The request with what stands around it.

    >>> in_place("We sell tea. Sing a song. It is good.", "Tea", Finding("request", 13, 25), 600).around
    'We sell tea.\\n It is good.'
    """
    before = text[max(0, request.start - AROUND) : request.start].strip()
    after = text[request.end : request.end + AROUND].rstrip()
    return RequestInPlace(text[request.start : request.end][:longest], f"{before}\n{after}", title)


def likelihoods(vectors: npt.NDArray[np.float32], scores: Sequence[float]) -> list[float]:
    """The log-odds, by their own words, that requests are for an assistant."""
    judged = vectors @ sentence_weights() + SENTENCE_BIAS
    return [float(value) + SENTENCE_CLASSIFIER * log_odds(score) for value, score in zip(judged, scores, strict=True)]


def place_terms(request: RequestInPlace, likely: float, around: float, title: float) -> tuple[float, ...]:
    """What the second model weighs: a constant, the log-odds of the words, the cosines, and the form.

    The form: whether it is a question, and whether it is about what is being answered ("in your response").
    """
    question = 1.0 if request.text.rstrip(" \"'”’»)").endswith(("?", "？")) else 0.0
    near = max(around, title)
    answer = 1.0 if _ABOUT_ANSWER.search(request.text) else 0.0
    return 1.0, likely, around, title, question, question * near, answer


def log_odds(probability: float) -> float:
    """Within ±12, as a model that is sure rounds to 0 or 1.

    >>> log_odds(0.5), round(log_odds(1.0))
    (0.0, 12)
    """
    bounded = min(max(probability, 6e-6), 1 - 6e-6)
    return math.log(bounded / (1 - bounded))
