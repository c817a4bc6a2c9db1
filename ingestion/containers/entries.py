"""What a container holds, one after the other; and the names that members have."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

from rag_service.domain.errors import Refused

MOST_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Entry:
    """A member: its content, or why it is not taken. ``name`` is as the container has it."""

    name: str
    content: bytes | Refused = field(repr=False)


def tidy_path(name: str) -> str:
    """The name of a member, checked before, in the one form in which it is compared and told.

    >>> tidy_path("./letters\\\\2021//a.txt")
    'letters/2021/a.txt'
    """
    parts = unicodedata.normalize("NFC", name).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def shown_name(name: str) -> str:
    """A name that may be anything, short and in visible characters.

    >>> shown_name("a\\x1b[2Jb")
    'a�[2Jb'
    """
    visible = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)
    return visible if len(visible) <= MOST_SHOWN else f"{visible[: MOST_SHOWN - 1]}…"
