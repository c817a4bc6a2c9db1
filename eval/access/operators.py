"""The ways in that are not the REST interface: the owner's socket, and the command line through it."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from collections.abc import Iterator, Sequence
from itertools import islice

import structlog

from eval.access.judge import Finding, Told, atoms_in, untold
from eval.access.oracle import READS, Asker
from eval.access.site import Site
from eval.access.targets import absent_id
from eval.access.wire import ASKING, Headers, Request, Response, send
from rag_service.owner import wire
from rag_service.owner.app import OwnerApp
from rag_service.owner.desk import LocalDesk
from rag_service.owner.socket import owner_socket
from rag_service.owner.token import Gate, operator_token

SOCKET, COMMANDS = "(owner's socket)", "(command line)"


async def probe_socket(site: Site, count: int, told: Told) -> None:
    """Nobody without the master key is answered, and an answer for a user holds what they may read."""
    folder = site.service.store.folder
    app = OwnerApp(LocalDesk(site.service), Gate(folder), site.service.store.tenants)
    operations = sorted(app._operations)  # noqa: SLF001  # so that a new one is probed by itself
    refusal = await send(app, Request("POST", "/nothing"))
    for number in range(count // 2):
        path, body = operations[number % len(operations)], _question(site, site.askers[0])
        for credential in _wrong_tokens(site, path, body):
            response = await send(app, Request("POST", path, headers=credential, body=body))
            same = (response.status, response.body) == (refusal.status, refusal.body) and refusal.status == 401
            found = (
                [] if same else [Finding(SOCKET, "wrong token", "a stranger", is_leak=True, told="not refused alike")]
            )
            told(SOCKET, found)
    readers = [one for one in site.askers if one.roles == {READS} and not one.brought]
    for asker in site.rng.sample(readers, min(count - count // 2, len(readers))):
        body = _question(site, asker)
        token = operator_token(folder, "POST", "/ask", body)
        request = Request("POST", "/ask", headers=(("Authorization", token),), body=body)
        with site.oracle.during() as states:
            ASKING.set((asker, states))
            response = await send(app, request)
        leaks = untold(site.oracle, asker, response, states, request)
        told(SOCKET, [Finding(SOCKET, "asked for a user", str(asker), is_leak=True, told=one) for one in leaks])


def _question(site: Site, asker: Asker) -> bytes:
    document = site.rng.choice([one for one in site.world.documents if one.tenant == asker.tenant])
    return wire.encoded(wire.Question(document.texts[-1], asker.tenant, asker.user, (), 100))


def _wrong_tokens(site: Site, path: str, body: bytes) -> Iterator[Headers]:
    folder = site.service.store.folder
    right = operator_token(folder, "POST", path, body)
    for token in (
        "",
        "Operator ",
        f"Operator {right.split()[1].rpartition('.')[0]}.{secrets.token_hex(32)}",
        operator_token(folder, "POST", "/hello" if path != "/hello" else "/ask", body),
        operator_token(folder, "POST", path, body + b" "),
        operator_token(folder, "GET", path, body),
    ):
        yield (("Authorization", token),)
    yield site.credentials[site.rng.choice(site.askers)](Request("POST", path))


async def probe_commands(site: Site, count: int, environment: dict[str, str], told: Told) -> None:
    """Commands for one tenant print nothing of another, and nothing that a user may not see where one is named."""
    rng = random.Random(count)  # noqa: S311  # a test's choice, repeatable on purpose
    logging = structlog.get_config()
    async with owner_socket(site.service):
        for arguments, tenant, asker, twin in islice(_commands(site, rng), count):
            status, text = await asyncio.to_thread(_rag, arguments, environment)
            found = [*_foreign(site, text, tenant, asker)]
            if twin is not None and (status, text) != await asyncio.to_thread(_rag, twin, environment):
                found.append("existence: another answer than where nothing is")
            if status not in {0, 1}:
                found.append(f"ended with status {status}")
            who = str(asker or f"an operator, for {tenant}")
            what = " ".join(arguments[:2])
            told(COMMANDS, [Finding(COMMANDS, what, who, is_leak=True, told=one) for one in found])
    structlog.configure(**logging)  # each command sets its own up


def _commands(site: Site, rng: random.Random) -> Iterator[tuple[list[str], str, Asker | None, list[str] | None]]:
    """Arguments, the tenant they are for, as whom, and the same for something that does not exist."""
    while True:
        asker = rng.choice([one for one in site.askers if one.roles == {READS} and not one.brought])
        tenant = asker.tenant
        foreign = rng.choice([one for one in site.world.documents if one.tenant != tenant])
        job = rng.choice([one for one, (owner, _) in site.job_owners.items() if owner != tenant])
        own = rng.choice([one for one in site.world.documents if one.tenant == tenant])
        question = f"What is {rng.choice((foreign, own)).live_canary}?"

        def of(*arguments: str, name: str = tenant) -> list[str]:
            return [*arguments, "--tenant", name, "--json"]

        yield of("ask", question, "--user", asker.user, "--limit", "100"), tenant, asker, None
        yield of("documents", "list"), tenant, None, None
        known = site.documents[foreign.name]
        yield of("documents", "show", known), tenant, None, of("documents", "show", absent_id(rng))
        yield of("jobs", "list"), tenant, None, None
        yield of("jobs", "show", job), tenant, None, of("jobs", "show", absent_id(rng))


def _foreign(site: Site, text: str, tenant: str, asker: Asker | None) -> Iterator[str]:
    """What the output tells of other tenants, or of what the named user may not see."""
    if asker is not None:
        response = Response(200, (), text.encode())
        yield from untold(site.oracle, asker, response, [site.oracle.state], Request("", "/"))
        return
    tenants = {one.name: one.tenant for one in site.world.documents}
    for word in atoms_in(site.oracle, text):
        atom = site.oracle.atoms[word]
        owners = {*atom.tenants, tenants.get(atom.document or "", ""), (atom.uploader or ("", ""))[0]}
        if tenant not in owners and word != site.tenants[tenant].id and atom.what != _UNOWNED:
            yield atom.what


_UNOWNED = "content of an upload that waits"


def _rag(arguments: Sequence[str], environment: dict[str, str]) -> tuple[int, str]:
    """Exit status and standard output of a command, run in this process by its real entry."""
    from typer.testing import CliRunner

    from rag_service.cli import build_app

    done = CliRunner().invoke(build_app(), list(arguments), env=environment)
    try:
        return done.exit_code, json.dumps(json.loads(done.stdout), ensure_ascii=False)
    except ValueError:
        return done.exit_code if done.exit_code not in {0, 1} else 99, done.stdout
