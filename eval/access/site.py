"""The made-up world, ingested through the production pipeline into a service of its own; everybody's credentials."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field

from eval.access.credentials import BRINGS, DEAD, LIVE, Credential
from eval.access.oracle import ADMINISTERS, READS, UPLOADS, Asker, Atom, Oracle, State, spelled
from eval.access.wire import Application, Request, Response, path_of, send, with_form
from eval.access.world import CANARY, Document, Upload, World
from ingestion.batch import Intake, accept_upload
from ingestion.crew import ingesting
from ingestion.stages import LocalStages
from rag_service.authentication import operate
from rag_service.domain import document as stages
from rag_service.domain.identity import Principal, Role
from rag_service.store.tenants import Tenant
from rag_service.web.app import create_app
from rag_service.wiring import Service

DOCUMENTS = "/v1/tenants/{tenant}/documents"
_ROLE_SETS = ({READS}, {READS, UPLOADS}, {UPLOADS}, {ADMINISTERS}, {READS, UPLOADS, ADMINISTERS}, {"review", "audit"})
_PLAIN, _WITHOUT_READING = _ROLE_SETS[0], _ROLE_SETS[2]
_OTHER_KINDS = 5
"""So many users hold a credential of each other kind."""


@dataclass
class Site:
    """Ids are by the world's names: of documents, and of the jobs of uploads by file name."""

    world: World
    service: Service
    app: Application
    tenants: Mapping[str, Tenant]
    oracle: Oracle
    rng: random.Random
    credentials: dict[Asker, Credential] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    job_owners: dict[str, tuple[str, str]] = field(default_factory=dict)
    chunks: dict[str, str] = field(default_factory=dict)
    claimed: dict[tuple[str, str], str] = field(default_factory=dict)
    """Who in a tenant first aims at uploading under a source: for others there it is taken from then on."""

    @property
    def askers(self) -> list[Asker]:
        return list(self.credentials)

    def asker(self, tenant: str, user: str, roles: Iterable[str] = (READS,)) -> Asker:
        return Asker(tenant, user, frozenset(roles))

    async def send(self, asker: Asker, request: Request) -> Response:
        """The response to the asker, who comes from an address of their own."""
        credential = self.credentials[asker](request)
        return await send(self.app, request, credential, client=self.address(asker))

    def address(self, asker: Asker) -> str:
        """Wrong credentials come from a new address each time, so that no limit on them stands in for a refusal."""
        last = self.rng.randrange(1, 2**16) if not asker.roles else list(self.credentials).index(asker) + 1
        return f"10.{0 if asker.roles else 1}.{last // 256}.{last % 256}"

    def grant_upload(self, asker: Asker, response: Response) -> None:
        """What an accepted upload told its uploader is theirs to know."""
        if response.status == 202:
            for what in ("document_id", "job_id"):
                known = response.json()[what]
                self.oracle.atoms.setdefault(known, Atom(what, uploader=(asker.tenant, asker.user)))


@asynccontextmanager
async def opened_site(world: World, service: Service, seed: int) -> AsyncIterator[Site]:
    """The world is ingested and everybody holds their credentials. The service is not used for anything else."""
    store = service.store
    tenants = {tenant.name: await store.tenants.create(tenant.name, "identifiers") for tenant in world.tenants}
    for tenant in world.tenants:
        owner = tenants[tenant.name]
        nested = sorted(tenant.groups, key=lambda group: any(m.startswith("group:") for m in tenant.groups[group]))
        for group in nested:
            users, groups = members_of(tenant.groups[group])
            await store.groups.set(operate(owner), owner.keys, group, users, groups)
    rng = random.Random(seed)  # noqa: S311  # a test's choice, repeatable on purpose
    site = Site(world, service, create_app(service), tenants, Oracle(first_state(world), {}), rng)
    await _issue_credentials(site)
    stage = LocalStages(service.embedder, service.detector)
    async with ingesting(service, nullcontext(stage)) as worker:
        longest = max(len(one.texts) for one in world.documents)
        for version in range(longest):
            for document in world.documents:
                if version < len(document.texts):
                    site.documents[document.name] = await _offer(site, document, version)
            await worker.drained()
        for upload in world.uploads:
            if upload.is_refused:
                await _upload(site, upload)
        await worker.drained()
    for upload in world.uploads:
        if not upload.is_refused:
            await _upload(site, upload)
    await _note_chunks(site)
    _plant_atoms(site)
    yield site


def members_of(members: Iterable[str]) -> tuple[list[str], list[str]]:
    """Users and groups among ``user:NAME`` and ``group:NAME``."""
    split = [member.partition(":") for member in members]
    return [name for kind, _, name in split if kind == "user"], [name for kind, _, name in split if kind == "group"]


def first_state(world: World) -> State:
    """What the world says, before anything changes. Who uploads is always on the list."""
    lists = {
        one.name: (one.tenant, frozenset(map(spelled, one.allow or ())) | _own(one.owner)) for one in world.documents
    }
    groups = {
        tenant.name: {group: frozenset(map(spelled, members)) for group, members in tenant.groups.items()}
        for tenant in world.tenants
    }
    return State(lists, groups)


def _own(owner: str | None) -> frozenset[str]:
    return frozenset({f"user:{spelled(owner)}"}) if owner else frozenset()


async def _issue_credentials(site: Site) -> None:
    """Every user can read; some hold other roles, and in each tenant somebody holds every dead credential."""
    for tenant in site.world.tenants:
        owner = site.tenants[tenant.name]
        for kind, issue in LIVE.items():
            for number, user in enumerate(tenant.users):
                for roles in _role_sets(kind, number, user):
                    asker = Asker(tenant.name, user, roles, kind, BRINGS.get(kind, frozenset()))
                    site.credentials[asker] = await issue(site.service, owner, user, frozenset(map(Role, roles)))
        for kind, issue in DEAD.items():
            asker = Asker(tenant.name, "ann", frozenset(), kind)
            site.credentials[asker] = await issue(site.service, owner, "ann", frozenset({Role.QUERY, Role.INGEST}))


def _role_sets(kind: str, number: int, user: str) -> dict[frozenset[str], None]:
    """With which roles a user has credentials of a kind, in order."""
    if kind != "api_key":
        own = [_ROLE_SETS[number]] if number < _OTHER_KINDS else []
    elif user == "ann":
        own = list(_ROLE_SETS)
    else:
        own = [_PLAIN, _WITHOUT_READING, _ROLE_SETS[1 + number % 5]]
    return {frozenset(one): None for one in own}


async def _offer(site: Site, document: Document, version: int) -> str:
    """The version waits to be ingested, uploaded by its owner or by the operator; the document's id."""
    content, name = document.texts[version].encode(), f"{document.name.rpartition('/')[2]}.md"
    if document.owner is not None:
        fields = [("source", document.source), ("title", document.title)]
        fields += [("allow", one) for one in document.allow or ()] if version == 0 else []
        request = with_form(path_of(DOCUMENTS, {"tenant": document.tenant}), (name, content), fields)
        response = await site.send(site.asker(document.tenant, document.owner, _WITHOUT_READING), request)
        if response.status != 202:
            raise RuntimeError(f"an upload of the made-up world was answered with {response.status}")
        return str(response.json()["document_id"])
    tenant = await site.service.store.tenants.by_id(site.tenants[document.tenant].id)
    intake = Intake(tenant, "operator", None, [Principal.parse(one) for one in document.allow or ()])
    upload = stages.Upload(name, content, document.source, document.title)
    return (await accept_upload(upload, intake, site.service.store)).document_id


async def _upload(site: Site, upload: Upload) -> None:
    request = with_form(
        path_of(DOCUMENTS, {"tenant": upload.tenant}),
        (upload.file_name, upload.content.encode()),
        [("source", upload.source)],
    )
    response = await site.send(site.asker(upload.tenant, upload.owner, _WITHOUT_READING), request)
    told = response.json()
    site.jobs[upload.file_name] = told["job_id"]
    site.job_owners[told["job_id"]] = (upload.tenant, upload.owner)
    for word in CANARY.findall(upload.file_name):
        site.oracle.atoms[word] = Atom("file name", uploader=(upload.tenant, upload.owner))
    site.oracle.atoms[told["document_id"]] = Atom("document id", uploader=(upload.tenant, upload.owner))
    site.oracle.atoms[told["job_id"]] = Atom("job id", uploader=(upload.tenant, upload.owner))
    for word in upload.canaries - site.oracle.atoms.keys():
        site.oracle.atoms[word] = Atom("content of an upload that waits")


async def _note_chunks(site: Site) -> None:
    """Which document each passage belongs to. Raises RuntimeError where one was not ingested."""
    for document in site.world.documents:
        tenant = site.tenants[document.tenant]
        points, _ = await site.service.store.versions.points(
            operate(tenant), tenant.keys, site.documents[document.name]
        )
        if not points:
            raise RuntimeError(f"{document.name} of the made-up world was not ingested")
        site.chunks |= dict.fromkeys((point.chunk_id for point in points), document.name)


def _plant_atoms(site: Site) -> None:
    """Each thing that tells, and whose it is."""
    atoms = site.oracle.atoms
    for document in site.world.documents:
        for word in document.canaries:
            atoms[word] = Atom("text, title or source", document=document.name)
        owner = (document.tenant, document.owner or "")
        atoms[site.documents[document.name]] = Atom("document id", document=document.name, uploader=owner)
    for tenant in site.world.tenants:
        for word in tenant.names:
            atoms[word] = Atom("user or group name", tenants=frozenset({tenant.name}))
        alike = frozenset(one.name for one in site.world.tenants if one.canary == tenant.canary)
        atoms[tenant.canary] = Atom("tenant name", tenants=alike)
        atoms[site.tenants[tenant.name].id] = Atom("tenant id")
