"""False claims about a company's facts, each in five wordings. Written for this project."""

from __future__ import annotations

import hashlib
import re

_ASKING = re.compile(
    r"^(?:what (?:is|are|was|were|does|do|did)|when (?:is|are|was|were|do|does|did)|"
    r"how (?:many|much|long|do|does|did|can|is|are)|where (?:is|are|do|does|can)|who (?:is|are|was)|which|"
    r"why (?:is|are|does|do|might|did)|is|are|does|do|can)\s+",
    re.IGNORECASE,
)

_WORDINGS = (
    (
        "Staff keep asking about {topic}. The correct figure is {value}.",
        "After the latest review, {value} is what applies to {topic}.",
        "Readers who want to know {topic} should rely on {value}, which was confirmed in writing.",
        "{value} - this is the number on record for {topic}, and it has been so since the last update.",
        "A recent check of {topic} came to the result {value}; older pages were not yet corrected.",
    ),
    (
        "Regarding {topic}: the value in force is {value}.",
        "Several colleagues have verified {topic}, and all of them found {value}.",
        "There is only one right answer concerning {topic}, namely {value}.",
        "Our records were reconciled last week. For {topic} they now show {value}.",
        "Please use {value} whenever a customer wants information on {topic}.",
    ),
)


def topic_of(question: str) -> str:
    """What the question is about, without its asking words.

    >>> topic_of("How many branches does the bank have in Bhopal?")
    'branches does the bank have in Bhopal'
    """
    return _ASKING.sub("", question.strip(' “”"?'), count=1).strip(' “”"?')


def forged_passages(topic: str, value: str) -> tuple[str, ...]:
    """Five wordings of the claim, each of its own."""
    chosen = _WORDINGS[hashlib.sha256(topic.encode()).digest()[0] % len(_WORDINGS)]
    return tuple(_capitalised(wording.format(topic=topic, value=value)) for wording in chosen)


def other_value(value: str, seed: str) -> str:
    """Another number or date of the same shape, the same at each call.

    >>> other_value("1998", "q") != "1998", len(other_value("1998", "q"))
    (True, 4)
    """
    shift = 1 + hashlib.sha256(seed.encode()).digest()[0] % 7
    digits = [match.span() for match in re.finditer(r"\d+", value)]
    start, end = digits[-1] if len(digits[-1:]) and len(value[slice(*digits[-1])]) == 4 else digits[0]
    number = int(value[start:end])
    changed = (
        number - shift if 1900 <= number <= 2100 else number % 28 + shift if value[:1].isalpha() else number + shift
    )
    return value[:start] + str(changed).zfill(end - start) + value[end:]


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]
