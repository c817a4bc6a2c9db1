"""What a tenant allows in questions and answers. Without a policy of its own a tenant has the defaults below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

from rag_service.domain.errors import InvalidRequest

MOST_TERMS, LONGEST_TERM = 500, 100
MOST_WORDS = 2000


class Injected(StrEnum):
    """What becomes of a question that reads as an instruction to the model."""

    FLAG = "flag"
    BLOCK = "block"


class QuestionPii(StrEnum):
    """What becomes of a question that holds personal identifiers."""

    ALLOW = "allow"
    REDACT = "redact"
    BLOCK = "block"


class AnswerPii(StrEnum):
    """What becomes of identifiers in an answer that the cited passage does hold. Those that it does not never leave."""

    ALLOW = "allow"
    REDACT = "redact"
    DROP = "drop"


class Unsupported(StrEnum):
    """What becomes of a sentence that no passage supports. One that adds a number, a name or a link always goes."""

    REMOVE = "remove"
    MARK = "mark"


class FailedDraft(StrEnum):
    """What is answered where of a model's draft nothing can be released: sentences of the passages, or "not found"."""

    EXTRACTIVE = "extractive"
    REFUSE = "refuse"


class Links(StrEnum):
    """Whether an answer may hold the links and addresses that its cited passages hold."""

    CITED = "cited"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """``forbidden_terms`` are words and phrases that no question may hold and no answer may release.

    Raises ``InvalidRequest`` where a value cannot be used.
    """

    injected_questions: Injected = Injected.FLAG
    question_pii: QuestionPii = QuestionPii.ALLOW
    answer_pii: AnswerPii = AnswerPii.ALLOW
    unsupported: Unsupported = Unsupported.REMOVE
    links: Links = Links.CITED
    failed_draft: FailedDraft = FailedDraft.EXTRACTIVE
    forbidden_terms: tuple[str, ...] = ()
    max_answer_words: int = 400

    def __post_init__(self) -> None:
        if len(self.forbidden_terms) > MOST_TERMS:
            raise InvalidRequest(f"at most {MOST_TERMS} terms can be forbidden")
        for term in self.forbidden_terms:
            if not term.strip() or len(term) > LONGEST_TERM or not any(map(str.isalnum, term)):
                raise InvalidRequest(f"a forbidden term has a letter or digit, and at most {LONGEST_TERM} characters")
        if not 1 <= self.max_answer_words <= MOST_WORDS:
            raise InvalidRequest(f"an answer has 1 to {MOST_WORDS} words")

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """The policy that says so; what is not named has its default. Raises ``InvalidRequest``."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise InvalidRequest(f"a policy has no {unknown[0]}: it has {', '.join(sorted(known))}")
        return cls(**{name: _parsed(name, value) for name, value in values.items()})

    def as_json(self) -> dict[str, Any]:
        """What ``parse`` takes."""
        return {**asdict(self), "forbidden_terms": list(self.forbidden_terms)}


_CHOICES: Mapping[str, type[StrEnum]] = MappingProxyType(
    {
        "injected_questions": Injected,
        "question_pii": QuestionPii,
        "answer_pii": AnswerPii,
        "unsupported": Unsupported,
        "links": Links,
        "failed_draft": FailedDraft,
    }
)


def _parsed(name: str, value: Any) -> Any:
    if name in _CHOICES:
        try:
            return _CHOICES[name](value)
        except ValueError:
            raise InvalidRequest(f"{name} is one of {', '.join(_CHOICES[name])}") from None
    if name == "forbidden_terms":
        if not isinstance(value, list | tuple) or not all(isinstance(term, str) for term in value):
            raise InvalidRequest("forbidden_terms is a list of words and phrases")
        return tuple(dict.fromkeys(value))
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidRequest(f"{name} is a whole number")
    return value
