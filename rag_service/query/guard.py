"""Guard: what a question may be before anything is done with it. Flags by default, refuses by policy.

Whatever the question says, it is only ever a question: access is decided by lists and answers are held to passages.
So a flag is a note for those who review, and an ordinary question must not be stopped for its words.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from rag_service.detect import injection
from rag_service.detect.concealment import find_concealment, reveal
from rag_service.detect.entities import IDENTIFIERS
from rag_service.detect.forbidden import forbidden_in
from rag_service.detect.overreach import asks_for_others_data
from rag_service.detect.pii import PiiDetector
from rag_service.detect.pseudonyms import marks
from rag_service.domain.answer import Flag
from rag_service.domain.errors import InvalidRequest, QuestionRefused
from rag_service.domain.policy import Injected, QuestionPii
from rag_service.ports import InjectionClassifier
from rag_service.query.stand_ins import with_stand_ins
from rag_service.store.tenants import Tenant

THRESHOLD = 0.97
"""Of the classifier's score, chosen on one half of its test sets: see ``docs/evaluation.md``."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_PIECE, _MOST_PIECES = 900, 8
"""Characters that the classifier reads at once, and how often it is asked about one question."""
_REPETITIVE_FROM, _REPETITIVE = 400, 0.06
"""Characters from which on a question may repeat itself, and the share that compression leaves of one that does."""
_ROUNDS = 8
"""In which a question settles; one that is made not to is refused."""


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """What holds for every tenant; ``Tenant.policy`` may ask for more. Without a classifier the rules decide alone."""

    max_chars: int
    block_injections: bool
    detector: PiiDetector
    classifier: InjectionClassifier | None = None
    threshold: float = THRESHOLD


@dataclass(frozen=True, slots=True)
class GuardedQuestion:
    """A question with nothing invisible in it, in normal form.

    What has a form, such as an address, and has a stand-in in the tenant's documents, has it here too, so that both
    match. ``lexical_text`` adds the tags of names that the question may hold.
    """

    text: str
    lexical_text: str


def guard(question: str, tenant: Tenant, policy: GuardPolicy) -> tuple[GuardedQuestion, tuple[Flag, ...]]:
    """The question as it will be used, and what was noticed about it. Blocking: the classifier takes milliseconds.

    Raises:
        InvalidRequest: it is empty or too long, or has no normal form.
        QuestionRefused: the policy blocks what it reads as, holds or asks about.
    """
    question = question.encode(errors="replace").decode()  # half of a surrogate pair is no character
    if len(question) > policy.max_chars:
        raise InvalidRequest(f"the question is longer than {policy.max_chars} characters")
    visible = _plain(question)
    if not visible:
        raise InvalidRequest("the question is empty")
    flags = [Flag("guard", kind, "removed") for kind in _removed(question)]
    for kind in _commands(visible, policy):
        if policy.block_injections or tenant.policy.injected_questions is Injected.BLOCK:
            raise QuestionRefused(kind)
        flags.append(Flag("guard", kind, "flagged"))
    if forbidden_in(visible, tenant.policy.forbidden_terms):
        raise QuestionRefused("forbidden_topic")
    wanted, key = tenant.policy.question_pii, tenant.keys.pseudonym_key
    if wanted is QuestionPii.BLOCK and policy.detector.detect(visible, IDENTIFIERS):
        raise QuestionRefused("personal_data")
    # Stand-ins first: what is gone from a question finds no document, and a stand-in tells nothing without the key.
    text, tags = with_stand_ins(visible, tenant.scrubbing, key, policy.detector)
    if wanted is QuestionPii.REDACT:
        text = _without_identifiers(text, key, policy.detector)
        flags += [Flag("guard", "personal_data", "redacted")] if text != visible else []
    return GuardedQuestion(text, " ".join((text, *tags))), tuple(flags)


def _plain(question: str) -> str:
    """The question revealed, in NFC and without control characters. Repeating it changes nothing."""
    for _ in range(_ROUNDS):
        plain = unicodedata.normalize("NFC", reveal(_CONTROL.sub(" ", question))).strip()
        if plain == question:
            return plain
        question = plain
    raise InvalidRequest("the question hides characters within characters")


def _removed(question: str) -> Iterator[str]:
    yield from sorted({found.kind for found in find_concealment(question)})
    if _CONTROL.search(question.replace("\r\n", "\n")):
        yield "control_characters"


def _commands(question: str, policy: GuardPolicy) -> Iterator[str]:
    """What the question reads as, where that is no question."""
    rules = injection.rules_met(question)
    if rules - {"prompt_extraction"}:
        yield injection.KIND
    if "prompt_extraction" in rules:
        yield "prompt_extraction"
    if not rules and policy.classifier is not None and _score(question, policy.classifier) >= policy.threshold:
        yield injection.KIND
    if asks_for_others_data(question):
        yield "others_data"
    if is_repetitive(question):
        yield "repetition"


def _score(question: str, classifier: InjectionClassifier) -> float:
    pieces = [question[at : at + _PIECE] for at in range(0, len(question), _PIECE)]
    return max(classifier.score(pieces[:_MOST_PIECES]))


def is_repetitive(question: str) -> bool:
    """Whether the question says one thing over and over.

    >>> is_repetitive("poem " * 200), is_repetitive("What is the fare? " * 3)
    (True, False)
    """
    content = question.encode()
    return len(content) >= _REPETITIVE_FROM and len(zlib.compress(content)) <= _REPETITIVE * len(content)


def _without_identifiers(question: str, key: bytes, detector: PiiDetector) -> str:
    """The question with the kind of each identifier in its place, and stand-ins as they are.

    Raises:
        QuestionRefused: redacting comes to no end.
    """
    for _ in range(_ROUNDS):
        stands = [mark for mark in marks(question, key) if not mark.is_forged]
        found = [
            one
            for one in detector.detect(question, IDENTIFIERS)
            if not any(mark.start <= one.start and one.end <= mark.end for mark in stands)
        ]
        if not found:
            return question
        for one in reversed(found):
            question = f"{question[: one.start]}[{one.kind.upper()}]{question[one.end :]}"
        question = _plain(question)
    raise QuestionRefused("personal_data")
