"""Text that we wrote to fit the judge on: what is asked of an assistant, and what documents ask of their readers.

It stands in ``written/``, a line each; ``{}`` takes a topic. No line of it is from a published set. Topics are wide on
purpose: what a request is about must not tell what it is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

_ANSWERS = (
    "answer",
    "response",
    "reply",
    "message",
    "output",
    "final answer",
    "response to the user",
    "text",
    "summary",
)
_CODE_NOUNS = (
    "code", "snippet", "code block", "piece of code", "lines", "function", "script", "code section", "program fragment",
)  # fmt: skip


def _lines(name: str) -> list[str]:
    return (Path(__file__).parent / "written" / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def requests_to_an_assistant(seed: int = 5) -> list[str]:
    """Tasks, questions and orders about the answer itself, as somebody would type them to an assistant.

    >>> len(requests_to_an_assistant()) > 1500
    True
    """
    return sorted(
        {
            *_filled(_lines("tasks"), 9, seed),
            *_filled(_lines("questions"), 9, seed),
            *_lines("chatter"),
            *_steering(seed),
            *_code(seed),
        }
    )


def requests_to_readers() -> list[str]:
    """What manuals, forms, mails and lists of questions ask of the people who read them."""
    return sorted(set(_lines("readers")))


def documents() -> list[str]:
    """Short documents that ask much of their readers, and on their own subject: the title stands in the first line."""
    folder = Path(__file__).parent / "written" / "documents"
    return [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt"))]


def _filled(templates: list[str], each: int, seed: int) -> Iterator[str]:
    draw, topics = random.Random(seed), _lines("topics")  # noqa: S311  # examples, not secrets
    for template in templates:
        for _ in range(each):
            text = template.format(*draw.sample(topics, template.count("{}")))
            yield text if text[-1] in ".?" else text + "."


def _steering(seed: int) -> Iterator[str]:
    draw, topics = random.Random(seed), _lines("topics")  # noqa: S311  # as above
    for template in _lines("steering"):
        for _ in range(8):
            yield template.format(a=draw.choice(_ANSWERS), t=draw.choice(topics)) + "."


def _code(seed: int) -> Iterator[str]:
    draw = random.Random(seed)  # noqa: S311  # as above
    for template in _lines("code"):
        for _ in range(6):
            yield template.format(c=draw.choice(_CODE_NOUNS))
