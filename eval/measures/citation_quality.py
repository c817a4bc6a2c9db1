"""Citation recall and precision after ALCE.

Recall: the share of an answer's sentences that their cited quotes together entail; a sentence without a citation counts
as not entailed. Precision: the share of citations that count, where a citation counts when its sentence is recalled and
it alone entails the sentence, or the sentence's other citations do not without it. Gao, Yen, Yu and Chen, "Enabling
Large Language Models to Generate Text with Citations" (EMNLP 2023), section 3. Who judges is
``eval.measures.entailment``, not the model that ALCE takes; a citation is its quote, not the whole passage, which is
stricter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.measures.entailment import entails
from rag_service.sentences import sentence_spans

_MARKERS = re.compile(r"\s{0,3}\[(\d{1,3})\]")
_LEADING_MARKERS = re.compile(r"(?:\[\d{1,3}\]\s{0,3}){1,20}")


@dataclass(frozen=True, slots=True)
class CitationQuality:
    """Of one answer. ``precision`` is None where the answer cites nothing."""

    recall: float
    precision: float | None


def citation_quality(answer: str, quotes: Mapping[int, str]) -> CitationQuality:
    """``quotes`` are what the answer's markers stand for.

    >>> quotes = {1: "Refunds take five days.", 2: "Cards cost nothing."}
    >>> citation_quality("Refunds take five days [1][2]. Cards cost nothing [1].", quotes)
    CitationQuality(recall=0.5, precision=0.3333333333333333)
    """
    sentences = [_cited(sentence, quotes) for sentence in _sentences(answer)]
    sentences = [(sentence, cited) for sentence, cited in sentences if sentence]
    if not sentences:
        return CitationQuality(0.0, None)
    recalled = [entails(cited, sentence) for sentence, cited in sentences]
    counts = [
        is_recalled and _counts(sentence, cited, at)
        for (sentence, cited), is_recalled in zip(sentences, recalled, strict=True)
        for at in range(len(cited))
    ]
    return CitationQuality(sum(recalled) / len(sentences), sum(counts) / len(counts) if counts else None)


def without_markers(answer: str) -> str:
    """The answer as it would stand without citations.

    >>> without_markers("Five days [1][2]. Or six [3]")
    'Five days. Or six'
    """
    return _MARKERS.sub("", answer)


def _sentences(answer: str) -> list[str]:
    """Sentences with their markers, also where those stand behind the full stop.

    >>> _sentences("Press “Send.” [1] Then wait [2].")
    ['Press “Send.” [1]', 'Then wait [2].']
    """
    sentences: list[str] = []
    for start, end in sentence_spans(answer):
        sentence = answer[start:end]
        if sentences and (leading := _LEADING_MARKERS.match(sentence)):
            sentences[-1] += f" {leading.group().strip()}"
            sentence = sentence[leading.end() :]
        if sentence:
            sentences.append(sentence)
    return sentences


def _cited(sentence: str, quotes: Mapping[int, str]) -> tuple[str, Sequence[str]]:
    markers = dict.fromkeys(int(number) for number in _MARKERS.findall(sentence))
    return without_markers(sentence).strip(" .!?"), [quotes.get(marker, "") for marker in markers]


def _counts(sentence: str, cited: Sequence[str], at: int) -> bool:
    return entails([cited[at]], sentence) or not entails([*cited[:at], *cited[at + 1 :]], sentence)
