"""A made-up installation: tenants with look-alike names, users, groups, documents that nearly say the same.

Every document, file and name carries a canary, a word that stands nowhere else: whoever is shown it was shown that.
Nothing here touches the product; the same seed makes the same world.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

CANARY = re.compile("zq[a-z]{10}")
_VOWELS, _CONSONANTS = "aeiou", "bdfgklmnprstvx"

_TOPICS = (
    ("Travel", "The company pays at most 140 euros for a hotel night, and the first class is never booked."),
    ("Leave", "Parental leave lasts twenty weeks, is paid in full, and is announced eight weeks ahead."),
    ("Security", "A lost laptop is reported to the service desk within an hour, whatever was stored on it."),
    ("Purchasing", "Orders above 9000 euros need two signatures, one of which is from another department."),
    ("Merger", "The board approved the merger with the neighbouring mill, and announces it in the spring."),
    ("Kitchen", "Coffee is free, the dishwasher is started by whoever fills it, and soup is served on Fridays."),
)
_SHARED_USERS = ("ann", "bob", "cyd", "zoë", "everyone", "group:legal", "legal", "Ann")
"""In every tenant; some are named as a group or as everyone is written, and two differ in case."""
_SHARED_GROUPS = ("legal", "sales", "everyone", "équipe")


@dataclass(frozen=True, slots=True)
class Document:
    """``allow`` are principals as text; ``None`` for an upload that names nobody. ``texts`` are its versions."""

    name: str
    tenant: str
    title: str
    source: str
    texts: tuple[str, ...]
    canaries: frozenset[str]
    allow: tuple[str, ...] | None
    owner: str | None = None

    @property
    def live_canary(self) -> str:
        """The word in the text of the live version."""
        return str(CANARY.findall(self.texts[-1])[0])


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that waits as a job, or was refused. Its name is shown to whoever uploaded it, its content to nobody."""

    tenant: str
    owner: str
    file_name: str
    source: str
    content: str
    canaries: frozenset[str]
    is_refused: bool


@dataclass(frozen=True, slots=True)
class Tenant:
    """``groups`` maps each to its members, ``user:NAME`` or ``group:NAME``."""

    name: str
    canary: str
    users: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class World:
    tenants: tuple[Tenant, ...]
    documents: tuple[Document, ...]
    uploads: tuple[Upload, ...]
    questions: tuple[str, ...] = field(default=tuple(f"What does the {title} policy say?" for title, _ in _TOPICS))


class _Words:
    """Canaries, no two alike."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._made: set[str] = set()

    def canary(self) -> str:
        while True:
            word = "zq" + "".join(self._rng.choice(_CONSONANTS) + self._rng.choice(_VOWELS) for _ in range(5))
            if word not in self._made:
                self._made.add(word)
                return word


def make_world(seed: int, tenants: int, documents: int) -> World:
    """So many tenants (at most six) with so many documents each, and uploads beside them."""
    rng = random.Random(seed)  # noqa: S311  # a test's choice, repeatable on purpose
    words = _Words(rng)
    made = tuple(_tenant(name, canary, rng, words) for name, canary in _names(words)[:tenants])
    return World(
        tenants=made,
        documents=tuple(one for tenant in made for one in _documents(tenant, documents, rng, words)),
        uploads=tuple(one for tenant in made for one in _uploads(tenant, words)),
    )


def _names(words: _Words) -> Sequence[tuple[str, str]]:
    """Names that a careless comparison takes for one another: accents, another alphabet, a common beginning."""
    alike, other = words.canary(), words.canary()
    return (
        (f"Acme {alike}", alike),
        (f"Аcme {alike}", alike),  # the first letter is Cyrillic
        (f"Zoë & Söhne {other}", other),
        (f"Acmé {alike}", alike),
        (f"Acme {alike} 2", alike),
        (f"東京支店 {other}", other),
    )


def _tenant(name: str, canary: str, rng: random.Random, words: _Words) -> Tenant:
    """Its groups overlap, and one of them holds two others."""
    own_user, own_group = f"u.{words.canary()}", f"Team {words.canary()}"
    users = (*_SHARED_USERS, own_user)
    groups: dict[str, tuple[str, ...]] = {
        group: tuple(f"user:{user}" for user in rng.sample(users, 3)) for group in (*_SHARED_GROUPS, own_group)
    }
    groups["empty"] = ()
    groups["staff"] = (f"user:{rng.choice(users)}", "group:legal", f"group:{own_group}")
    names = frozenset(CANARY.findall(own_user + own_group))
    return Tenant(name, canary, users, groups, names)


def _documents(tenant: Tenant, count: int, rng: random.Random, words: _Words) -> list[Document]:
    made = []
    for number in range(count):
        subject, sentence = _TOPICS[number % len(_TOPICS)]
        title, source, versions = words.canary(), words.canary(), [words.canary()]
        if number % 4 == 1:
            versions.append(words.canary())
        texts = tuple(f"{sentence}\n\nThe reference word of this {subject} policy is {word}.\n" for word in versions)
        owner = rng.choice(tenant.users) if number % 3 == 0 else None
        made.append(
            Document(
                name=f"{tenant.name}/{number}",
                tenant=tenant.name,
                title=f"{subject} policy {title}",
                source=f"wiki:{subject.lower()}/{source}",
                texts=texts,
                canaries=frozenset({title, source, *versions}),
                allow=None if owner and number % 6 == 0 else _allowed(tenant, number, rng),
                owner=owner,
            )
        )
    return made


def _allowed(tenant: Tenant, number: int, rng: random.Random) -> tuple[str, ...]:
    """An access list: each kind in its turn, filled at random."""
    users, groups = tenant.users, list(tenant.groups)
    match number % 8:
        case 0:
            return (f"user:{rng.choice(users)}",)
        case 1:
            return ("everyone",)
        case 2:
            return (f"group:{rng.choice(groups)}",)
        case 3:
            return ("group:staff",)
        case 4:
            return tuple(f"user:{user}" for user in rng.sample(users, 3))
        case 5:
            return (f"group:{rng.choice(groups)}", f"group:{rng.choice(groups)}", f"user:{rng.choice(users)}")
        case 6:
            return ("group:nobody has this one",)
        case _:
            return ("user:zoe\N{COMBINING DIAERESIS}", "group:e\N{COMBINING ACUTE ACCENT}quipe")  # spelled apart


def _uploads(tenant: Tenant, words: _Words) -> list[Upload]:
    made = []
    for number, owner in enumerate(("ann", "bob", "zoë", "ann")):
        name, source, text = words.canary(), words.canary(), words.canary()
        is_refused = number == 1
        made.append(
            Upload(
                tenant=tenant.name,
                owner=owner,
                file_name=f"{name}.docx" if is_refused else f"{name}.md",
                source=f"upload:{source}",
                content=f"The word that waits is {text}.\n",
                canaries=frozenset({name, source, text}),
                is_refused=is_refused,
            )
        )
    return made
