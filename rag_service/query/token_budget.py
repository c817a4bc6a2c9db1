"""Which passages fit into a model's context: whole ones, best first."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from rag_service.domain.answer import Flag
from rag_service.ports import Prompt
from rag_service.query.prompt import messages, quoted

_MESSAGE_TOKENS = 12
"""What a chat template adds around a message, generously."""
_PARTS = re.compile(r"[A-Za-z0-9]+|\s+|[^A-Za-z0-9\s]")
_LETTERS_A_TOKEN, _CAPITALS_A_TOKEN = 4, 2
_LONG_WORD = 20


@dataclass(frozen=True, slots=True)
class TokenBudget:
    """``context`` is all that the model can take in and write; ``answer`` of it is kept for what it writes."""

    context: int = 8192
    answer: int = 400

    @property
    def prompt(self) -> int:
        return self.context - self.answer


def fit(prompt: Prompt, budget: TokenBudget) -> tuple[Prompt, tuple[Flag, ...]]:
    """The prompt with the passages that fit, in their order, and a flag for each passage that was left out.

    A passage is never cut: half a sentence can say the contrary of the whole one. One that is too long does not keep
    a shorter one behind it out. Where none fits, the prompt comes back with none.
    """
    left = budget.prompt - _tokens_of(replace(prompt, passages=()))
    kept: list[int] = []
    for number in range(1, len(prompt.passages) + 1):
        size = estimate_tokens(quoted(prompt, number)) + 1
        if size <= left:
            kept.append(number)
            left -= size
    flags = tuple(
        Flag("generate", "passage_left_out", "dropped", passage.document_id)
        for number, passage in enumerate(prompt.passages, start=1)
        if number not in kept
    )
    return replace(prompt, passages=tuple(prompt.passages[number - 1] for number in kept)), flags


def estimate_tokens(text: str) -> int:
    """Rather too many than too few of any common model's tokens.

    A word is a token for four letters or part of them, one in capitals for two. Of anything else each digit, letter
    and mark is one, as encoded text can come to that, and any other sign its bytes; a line end is one.

    >>> estimate_tokens("The ferry leaves at 9:30."), estimate_tokens("渡"), estimate_tokens("aGVsbG8")
    (11, 3, 7)
    """
    return sum(_size(match.group()) for match in _PARTS.finditer(text))


def _size(part: str) -> int:
    if part.isspace():
        return part.count("\n")
    if part.isalpha() and part.isascii() and len(part) <= _LONG_WORD:
        if part[1:].islower() or len(part) == 1:
            return -(-len(part) // _LETTERS_A_TOKEN)
        if part.isupper():
            return -(-len(part) // _CAPITALS_A_TOKEN)
    return len(part.encode(errors="replace"))


def _tokens_of(prompt: Prompt) -> int:
    return sum(estimate_tokens(one.content) + _MESSAGE_TOKENS for one in messages(prompt))
