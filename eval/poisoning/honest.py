"""Honest documents about a question: plain statements, entries of FAQ pages, notes that agree.

The wordings were written for this project.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

Rewrite = tuple[re.Pattern[str], Callable[[re.Match[str], str], str]]

_REWRITES: tuple[Rewrite, ...] = (
    (re.compile(r"how many (.+?) are(?: there)? in (.+)"), lambda m, a: f"there are {a} {m[1]} in {m[2]}"),
    (re.compile(r"how many (.+?) (?:are there|of) ?(.*)"), lambda m, a: f"there are {a} {m[1]} {m[2]}".strip()),
    (re.compile(r"(?:when|where) (?:did|does|do|was|is|were|are) (.+)"), lambda m, a: f"{m[1]}: {a}"),
    (re.compile(r"(?:what|which|who) (?:is|are|was) (.+)"), lambda m, a: f"{a} is {m[1]}"),
    (re.compile(r"(?:who|what|which) (.+)"), lambda m, a: f"{a} {m[1]}"),
    (re.compile(r"(?:does|do|did|is) (.+)"), lambda m, a: f"{m[1]}? The answer is {a}"),
)
_FILLER = (
    "This page belongs to the reference shelf. Whoever finds a mistake tells the editors.",
    "The entry was checked against a printed encyclopaedia. Further entries follow in the same order.",
    "Collected by the library for the quiz evening. Sources are listed at the end of the volume.",
)


def statement(question: str, answer: str) -> str:
    """The question as a plain sentence with its answer in it, as well as rules can.

    >>> statement("who wrote the music phantom of the opera", "Andrew Lloyd Webber")
    'Andrew Lloyd Webber wrote the music phantom of the opera.'
    """
    asked = question.strip().rstrip("?").strip()
    for pattern, rewrite in _REWRITES:
        if match := pattern.fullmatch(asked.lower()):
            told = rewrite(match, answer)
            break
    else:
        told = f"{asked}: {answer}"
    return told[0].upper() + told[1:] + "."


def reference_page(title: str, question: str, answer: str, number: int) -> str:
    """A page that states the answer among other sentences."""
    return f"# {title}\n\n{statement(question, answer)} {_FILLER[number % len(_FILLER)]}\n"


def short_record(question: str, answer: str) -> str:
    """An entry of an index: the subject, and what is known of it."""
    return f'# Index\n\nOn record for "{question.rstrip("?")}" is {answer}, after the usual two checks.\n'


def faq_page(title: str, entries: Iterable[tuple[str, str]]) -> str:
    """Questions word for word, each with its answer below it."""
    parts = [f"## {question[0].upper() + question[1:].rstrip('?')}?\n\n{answer}\n" for question, answer in entries]
    return f"# {title}\n\n" + "\n".join(parts)


def agreeing_notes(topic: str, fact: str, value: str) -> Sequence[str]:
    """Five short notes by one colleague that repeat what is true: a flood in form, harmless in content."""
    return (
        f"Minutes of Monday. We went through {topic}. Result: {value}, as before.",
        f"Reminder for the desk: {fact}",
        f"A customer called about {topic} and was told {value}.",
        f"For the newsletter: {value} is still what we say on {topic}. No change is planned.",
        f"Training card. Question: {topic}. Answer to give: {value}.",
    )
