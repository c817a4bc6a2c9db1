"""Who may see what, in plain sets: written from the documentation, and sharing no code with the product.

Access changes while probes run. From the moment a change is asked for until it was answered, both the old and the new
state may show; afterwards only the new one. A request is judged by every state that held while it was under way.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

READS, UPLOADS, ADMINISTERS = "query", "ingest", "admin"


@dataclass(frozen=True, slots=True)
class Asker:
    """A principal with one credential. ``roles`` are empty where the credential is good for nothing.

    ``brought`` are groups that the credential itself says its holder is in.
    """

    tenant: str
    user: str
    roles: frozenset[str]
    kind: str = "api_key"
    brought: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.user} of {self.tenant} ({self.kind}: {' '.join(sorted(self.roles)) or 'nothing'})"


@dataclass(frozen=True, slots=True)
class Atom:
    """Something that tells: a canary, an id, a name. ``what`` says of which kind, for reports.

    ``document`` is shown to its readers, ``uploader`` is the user who put it there, ``tenants`` are those of whose
    everybody it may be seen. What has none of these is shown to nobody.
    """

    what: str
    tenants: frozenset[str] = frozenset()
    document: str | None = None
    uploader: tuple[str, str] | None = None


@dataclass(frozen=True)
class State:
    """Lists and memberships at one moment. ``lists`` are by document: its tenant, and who is named."""

    lists: Mapping[str, tuple[str, frozenset[str]]]
    groups: Mapping[str, Mapping[str, frozenset[str]]]
    _known: dict[Asker, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    def readable(self, asker: Asker) -> frozenset[str]:
        """The documents whose list names the user, a group of theirs, a group that holds it, or everyone."""
        tenant, user = asker.tenant, asker.user
        if asker not in self._known:
            groups = self.groups[tenant]
            direct = {group for group, members in groups.items() if f"user:{spelled(user)}" in members} | asker.brought
            above = {group for group, members in groups.items() if members & {f"group:{one}" for one in direct}}
            names = {"everyone", f"user:{spelled(user)}", *(f"group:{group}" for group in direct | above)}
            self._known[asker] = frozenset(
                name for name, (owner, listed) in self.lists.items() if owner == tenant and listed & names
            )
        return self._known[asker]


class Oracle:
    """The states that may show now, and what each atom is."""

    def __init__(self, state: State, atoms: Mapping[str, Atom]) -> None:
        self.atoms = dict(atoms)
        self.restless: set[str] = set()
        self._states: tuple[State, ...] = (state,)
        self._watchers: list[list[State]] = []

    @property
    def state(self) -> State:
        """The newest."""
        return self._states[-1]

    @contextmanager
    def during(self) -> Iterator[list[State]]:
        """The states that hold at any moment of the context."""
        seen = list(self._states)
        self._watchers.append(seen)
        try:
            yield seen
        finally:
            self._watchers = [one for one in self._watchers if one is not seen]

    @contextmanager
    def changing(self, change: Callable[[State], State]) -> Iterator[None]:
        """The change is asked for when the context begins, and answered when it ends."""
        old, new = self.state, change(self.state)
        self.restless |= {name for name, listed in new.lists.items() if listed != old.lists.get(name)}
        self._states = (old, new)
        for watcher in self._watchers:
            watcher.append(new)
        yield
        self._states = (new,)

    def may_see(self, asker: Asker, atom: Atom, states: list[State]) -> bool:
        """Whether one of the states shows the atom to this asker."""
        if not asker.roles:
            return False
        if asker.tenant in atom.tenants:
            return True
        is_reader = atom.document is not None and READS in asker.roles
        if is_reader and any(atom.document in state.readable(asker) for state in states):
            return True
        if atom.uploader is not None and UPLOADS in asker.roles:
            tenant, user = atom.uploader
            return asker.tenant == tenant and (user == asker.user or ADMINISTERS in asker.roles)
        return False


def spelled(name: str) -> str:
    """Names are compared composed."""
    return unicodedata.normalize("NFC", name)


def with_list(state: State, document: str, listed: frozenset[str]) -> State:
    """The state in which a document has another list."""
    tenant, _ = state.lists[document]
    return State({**state.lists, document: (tenant, listed)}, state.groups)


def with_group(state: State, tenant: str, group: str, members: frozenset[str]) -> State:
    """The state in which a group has other members."""
    return State(state.lists, {**state.groups, tenant: {**state.groups[tenant], group: members}})
