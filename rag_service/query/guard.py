"""Guard: what a question may be before anything is done with it. Flags by default, refuses by policy."""

from __future__ import annotations

from dataclasses import dataclass

from rag_service.detect.concealment import find_concealment, reveal
from rag_service.detect.injection import find_injections
from rag_service.detect.pseudonyms import pseudonyms_in
from rag_service.domain.answer import Flag
from rag_service.domain.errors import InvalidRequest, QuestionRefused
from rag_service.store.tenants import Tenant


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    max_chars: int
    block_injections: bool


@dataclass(frozen=True, slots=True)
class GuardedQuestion:
    """A question with nothing invisible in it.

    ``lexical_text`` adds the pseudonyms of names that it may hold, so that they match scrubbed documents.
    """

    text: str
    lexical_text: str


def guard(question: str, tenant: Tenant, policy: GuardPolicy) -> tuple[GuardedQuestion, tuple[Flag, ...]]:
    """The question as it will be used, and what was noticed about it.

    Raises:
        InvalidRequest: it is empty or too long.
        QuestionRefused: it reads as an injection and the policy blocks those.
    """
    question = question.encode(errors="replace").decode()  # half of a surrogate pair is no character
    if len(question) > policy.max_chars:
        raise InvalidRequest(f"the question is longer than {policy.max_chars} characters")
    visible = reveal(question).strip()
    if not visible:
        raise InvalidRequest("the question is empty")
    flags = [Flag("guard", kind, "removed") for kind in sorted({found.kind for found in find_concealment(question)})]
    if find_injections(visible):
        if policy.block_injections:
            raise QuestionRefused("injected_instruction")
        flags.append(Flag("guard", "injected_instruction", "flagged"))
    names = pseudonyms_in(visible, tenant.keys.pseudonym_key) if tenant.pii_policy != "identifiers" else ()
    return GuardedQuestion(visible, " ".join((visible, *names))), tuple(flags)
