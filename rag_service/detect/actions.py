"""What a tenant's policy does with each kind of personal data, and the values that it lets stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rag_service.detect.entities import CREDENTIAL, ENTITIES, IDENTIFIERS
from rag_service.detect.policy import PiiPolicy
from rag_service.detect.pseudonyms import normal_form
from rag_service.domain.errors import InvalidRequest
from rag_service.domain.scrubbing import Action, ScrubPolicy

KEYED = frozenset({Action.PSEUDONYM, Action.ENCRYPT})
"""What leaves a stand-in that is made with the tenant's key."""

_OF_CREDENTIALS = frozenset({Action.REDACT, Action.REFUSE})


def actions_of(policy: ScrubPolicy) -> dict[str, Action]:
    """What is done with each kind.

    A credential opens something for whoever sees it, so none is kept, shown in part, or sealed to be restored; nor does
    it leave a stand-in, by which guesses at a weak password could be tried. A mask is for what has a form: the last
    four letters of a name hide nothing.

    >>> actions = actions_of(ScrubPolicy.parse({"preset": "persons", "overrides": {"iban_code": "mask"}}))
    >>> [actions[kind].value for kind in ("email_address", "iban_code", "person", "location")]
    ['redact', 'mask', 'pseudonym', 'keep']

    Raises:
        InvalidRequest: for a kind that there is not, or an action that a kind does not admit.
    """
    removed = PiiPolicy(policy.preset).entities
    actions = {kind: _default(kind) if kind in removed else Action.KEEP for kind in ENTITIES}
    for kind, action in policy.overrides:
        if kind not in actions:
            raise _unknown_kind(kind)
        if not admits(kind, action):
            raise InvalidRequest(f"{kind} cannot be set to {action}: {', '.join(admitted(kind))}")
        actions[kind] = action
    return actions


def _unknown_kind(kind: str) -> InvalidRequest:
    """What to raise for a kind that there is not."""
    return InvalidRequest(f"there is no kind of personal data called {kind}: `rag tenant pii` lists them")


def admits(kind: str, action: Action) -> bool:
    """Whether this may be done with values of the kind."""
    if kind == CREDENTIAL:
        return action in _OF_CREDENTIALS
    return action is not Action.MASK or kind in IDENTIFIERS


def admitted(kind: str) -> list[Action]:
    """What may be done with values of the kind."""
    return [action for action in Action if admits(kind, action)]


def with_changes(policy: ScrubPolicy, changes: Iterable[str]) -> ScrubPolicy:
    """The policy with each of the changes, written ``KIND=ACTION``, in order. ``KIND=default`` takes one back,
    ``all=default`` all of them, and ``all=ACTION`` is for every kind that the policy removes and that admits it.

    >>> policy = with_changes(ScrubPolicy(), ["all=mask", "iban_code=default"])
    >>> [actions_of(policy)[kind].value for kind in ("email_address", "iban_code", "credential", "person")]
    ['mask', 'redact', 'redact', 'keep']
    >>> with_changes(policy, ["all=default"]) == ScrubPolicy()
    True

    Raises:
        InvalidRequest: as ``actions_of``, and for what is not written so.
    """
    for change in changes:
        kind, equals, action = change.replace("-", "_").partition("=")
        if not equals:
            raise InvalidRequest("a change is written KIND=ACTION, such as email_address=mask")
        overrides = policy.as_json()["overrides"]
        if action == "default":
            if kind not in {"all", *ENTITIES}:
                raise _unknown_kind(kind)
            overrides = {} if kind == "all" else {own: done for own, done in overrides.items() if own != kind}
        else:
            wanted = _admitting(policy, Action(action)) if kind == "all" and action in list(Action) else [kind]
            overrides |= dict.fromkeys(wanted, action)
        policy = ScrubPolicy.parse({**policy.as_json(), "overrides": overrides})
    actions_of(policy)
    return policy


def _admitting(policy: ScrubPolicy, action: Action) -> list[str]:
    return [kind for kind, done in actions_of(policy).items() if done is not Action.KEEP and admits(kind, action)]


def _default(kind: str) -> Action:
    return Action.PSEUDONYM if kind == "person" else Action.REDACT


class KeptValues:
    """The values that a tenant lets stand, however they are written."""

    def __init__(self, values: Iterable[str]) -> None:
        values = list(values)
        self._domains = frozenset(value.removeprefix("*").casefold() for value in values if value.startswith("*@"))
        self._values = frozenset(normal_form(value) for value in values if not value.startswith("*@"))

    def hold(self, kind: str, value: str) -> bool:
        """Whether this value stays. A credential never does.

        >>> kept = KeptValues(["*@acme.example", "+44 20 7946 0958"])
        >>> kept.hold("email_address", "Sales@Acme.example"), kept.hold("email_address", "x@acme.example.org")
        (True, False)
        >>> kept.hold("phone_number", "+442079460958")
        True
        """
        if kind == CREDENTIAL:
            return False
        name, at, domain = value.casefold().rpartition("@")
        if kind == "email_address" and name and "@" not in name and f"{at}{domain}" in self._domains:
            return True
        return bool(self._values) and normal_form(value) in self._values


def counted(removed: Mapping[str, int], actions: Mapping[str, Action]) -> dict[str, str]:
    """What was done with each kind of which anything was removed, kinds spelled as counts spell them."""
    return {kind: actions[kind.lower()].value for kind in removed}
