"""What a response tells, and whether its asker may be told that."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from eval.access.oracle import Asker, Oracle, State
from eval.access.site import Site
from eval.access.wire import ASKING, Request, Response
from eval.access.world import CANARY

_ID = re.compile("(?=([0-9a-f]{16}))")
_DRAWN = re.compile(rb'"(answer_id|trace_id)":"[0-9a-f]{16}"')
"""Random in every answer, which is what they are for."""

Check = Callable[[Response], str | None]
"""What is missing of an answer that its asker is entitled to, if anything is."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One attempt. ``control`` asks the same of something that does not exist, and must be answered alike.

    ``served`` says whether a success is in order; ``only_status`` that the two answers name fresh ids. ``check``
    keeps the count honest: a service that refuses everything leaks nothing either.
    """

    route: str
    what: str
    attack: Request
    control: Request | None = None
    served: bool = False
    only_status: bool = False
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """``is_leak``: something was told that may not be. Else an error: a crash, or a denial of what is allowed."""

    route: str
    what: str
    asker: str
    is_leak: bool
    told: str

    def __str__(self) -> str:
        return f"{'LEAK' if self.is_leak else 'ERROR'} {self.route}: {self.told} ({self.what}, as {self.asker})"


Told = Callable[[str, list[Finding]], None]
"""Takes what one probe of a route found."""


async def judged(
    site: Site, asker: Asker, probe: Probe, controls: dict[object, Response] | None = None
) -> list[Finding]:
    """The probe was sent, and what is wrong with its answer.

    ``controls`` keeps what was answered where nothing is, for many attacks of the same form.
    """
    with site.oracle.during() as states:
        ASKING.set((asker, states))
        response = await site.send(asker, probe.attack)
        control = None
        if probe.control is not None:
            form = (asker, probe.route, probe.control.query)
            control = controls.get(form) if controls is not None else None
            control = control or await site.send(asker, probe.control)
            if controls is not None:
                controls[form] = control
    if response.status == 202:
        site.grant_upload(asker, response)
    return [
        Finding(probe.route, probe.what, str(asker), is_leak, told)
        for is_leak, told in _complaints(site.oracle, asker, probe, response, control, states)
    ]


def _complaints(
    oracle: Oracle, asker: Asker, probe: Probe, response: Response, control: Response | None, states: list[State]
) -> Iterator[tuple[bool, str]]:
    if response.failure or response.status >= 500:
        yield False, f"answered with {response.status} ({response.failure or 'no exception'})"
    for told in untold(oracle, asker, response, states, probe.attack):
        yield True, told
    if not probe.served and 200 <= response.status < 300:
        yield True, f"served with {response.status}"
    if control is not None and (differs := _difference(probe, response, control)):
        yield True, f"existence: {differs}"
    if probe.check and (missing := probe.check(response)):
        yield False, missing


def untold(oracle: Oracle, asker: Asker, response: Response, states: list[State], sent: Request) -> Iterator[str]:
    """What the response tells of that its asker may not see, by kind."""
    for word in atoms_in(oracle, _without_echo(response, sent)):
        atom = oracle.atoms[word]
        if not oracle.may_see(asker, atom, states):
            yield atom.what


def atoms_in(oracle: Oracle, text: str) -> set[str]:
    """Every canary and id of the world in the text."""
    found = {*CANARY.findall(text.lower()), *_ID.findall(text.lower())}
    return found & oracle.atoms.keys()


def _difference(probe: Probe, response: Response, control: Response) -> str | None:
    """How the two answers tell apart what is forbidden and what is absent."""
    if response.status != control.status:
        return f"{response.status} where nothing is gives {control.status}"
    if probe.only_status:
        return None
    one, other = _headers(response, probe.attack), _headers(control, probe.control or probe.attack)
    if one != other:
        return "other headers than where nothing is"
    return None if _body(response) == _body(control) else "another body than where nothing is"


def _body(response: Response) -> bytes:
    return _DRAWN.sub(b"", response.body)


def _headers(response: Response, sent: Request) -> list[tuple[str, str]]:
    """Sorted; without the date, and with the caller's own path left out of where a redirect sends them."""
    told = [(name, _unechoed(value, sent) if name == "location" else value) for name, value in response.headers]
    return sorted(one for one in told if one[0] != "date")


def _without_echo(response: Response, sent: Request) -> str:
    headers = (f"{name}: {value}" for name, value in _headers(response, sent))
    return "\n".join([*headers, response.body.decode(errors="replace")])


def _unechoed(location: str, sent: Request) -> str:
    return unquote(location).replace(unquote(sent.path).rstrip("/"), "").replace(unquote(sent.query), "")
