"""Real files under random access lists: whatever many users are shown is compared with the lists, without exception."""

from __future__ import annotations

import random
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eval.experiment import Progress
from ingestion.batch import FoundFile, Ingested, Intake, Watcher, find_files, ingest_files
from ingestion.crew import ingesting
from ingestion.processes.stages import ProcessStages
from rag_service.authentication import Caller, act_as, operate
from rag_service.domain.errors import InvalidRequest, NotFound, QuestionRefused
from rag_service.domain.identity import Principal
from rag_service.query.ask import ask, search
from rag_service.query.retrieve import Filters
from rag_service.settings import load_settings
from rag_service.store.tenants import Tenant
from rag_service.wiring import Service, open_service

_TENANT, _READER = "corpus", "reader.of.everything"
_GROUPS, _MOST_LISTED, _QUESTIONS = 12, 3, 40


@dataclass(frozen=True)
class Comparison:
    """``outside`` are things shown that no list allows, ``missing`` texts kept from somebody whom a list names."""

    documents: int
    refused: int
    users: int
    questions: int
    results: int
    citations: int
    texts: int
    outside: int
    missing: int
    readable_share: float

    @property
    def passed(self) -> bool:
        """Nothing outside, nothing missing, and something to compare."""
        return not self.outside and not self.missing and self.results > 0

    def __str__(self) -> str:
        return (
            f"{self.outside} outside the lists, {self.missing} missing: {self.users} users asked {self.questions} "
            f"questions each of {self.documents} documents, of which a user may read {self.readable_share:.0%}; "
            f"{self.results} results, {self.citations} citations and {self.texts} texts were compared."
        )


@dataclass(frozen=True)
class _Lists:
    """Who is in which group, and which groups each document is for."""

    members: Mapping[str, frozenset[str]]
    documents: Mapping[str, frozenset[str]]

    def of(self, user: str) -> frozenset[str]:
        """The documents of the user's groups."""
        theirs = {group for group, members in self.members.items() if user in members}
        return frozenset(document for document, groups in self.documents.items() if groups & theirs)


async def compare_corpus(folder: Path, users: int, seed: int, progress: Progress) -> Comparison:
    """The files were ingested, shared at random, asked for by everybody, and are gone again.

    Raises ``InvalidRequest`` where there is nothing to ask for.
    """
    rng = random.Random(seed)  # noqa: S311  # a test's choice, repeatable on purpose
    with tempfile.TemporaryDirectory(prefix="rag-eval-") as place:
        settings = load_settings(data_dir=Path(place, "data"), master_key=secrets.token_hex(32))
        async with open_service(settings) as service:
            await service.store.tenants.create(_TENANT, "identifiers")
            document_ids, refused = await _ingest(folder, service, progress)
            if not document_ids:
                raise InvalidRequest(f"no file under {folder} could be ingested")
            tenant = await service.store.tenants.by_name(_TENANT)
            everybody = [f"user{number}" for number in range(users)]
            lists = await _share(service, tenant, document_ids, everybody, rng)
            questions = await _questions(service, tenant, document_ids, rng)
            asked = await _compare(service, tenant, lists, everybody, questions, progress)
            return replace(asked, refused=refused)


async def _ingest(folder: Path, service: Service, progress: Progress) -> tuple[list[str], int]:
    files = list(find_files([folder], None))
    progress.begin("ingesting", len(files))
    tenant = await service.store.tenants.by_name(_TENANT)

    def ended(_file: FoundFile, _outcome: object) -> bool:
        progress.advance()
        return True

    async with ingesting(service, ProcessStages(service.settings)):
        intake = Intake(tenant, "evaluation", None, [Principal.user(_READER)])
        most = service.settings.max_upload_mb * 2**20
        outcomes = await ingest_files(files, intake, service.store, most, Watcher(ended))
    ingested = [one.result.document_id for one in outcomes if isinstance(one.result, Ingested)]
    return ingested, len(outcomes) - len(ingested)


async def _share(
    service: Service, tenant: Tenant, document_ids: Sequence[str], users: Sequence[str], rng: random.Random
) -> _Lists:
    """Groups that overlap, and for each document one to three of them; the index has followed."""
    names = [f"group{number}" for number in range(_GROUPS)]
    members = {name: frozenset(rng.sample(users, max(1, len(users) // 5))) for name in names}
    for name, theirs in members.items():
        await service.store.groups.set(operate(tenant), tenant.keys, name, sorted(theirs))
    documents = {}
    for document_id in document_ids:
        listed = frozenset(rng.sample(names, rng.randint(1, _MOST_LISTED)))
        documents[document_id] = listed
        principals = [Principal.user(_READER), *map(Principal.group, sorted(listed))]
        await service.store.versions.set_access(operate(tenant), tenant.keys, document_id, principals)
    await service.follower.catch_up(tenant.id)
    return _Lists(members, documents)


async def _questions(service: Service, tenant: Tenant, document_ids: Sequence[str], rng: random.Random) -> list[str]:
    """A title or a sentence of some documents: nobody may read all that they ask for."""
    caller = await act_as(tenant, _READER, (), groups_of=service.store.groups)
    questions = []
    for document_id in rng.sample(document_ids, min(_QUESTIONS, len(document_ids))):
        meta = await service.store.documents.meta(caller.scope, tenant.keys, document_id)
        _, text = await service.store.documents.text(caller.scope, tenant.keys, document_id)
        lines = [line for line in text.splitlines() if 20 < len(line) < 300]
        questions.append(rng.choice(lines) if lines and rng.random() < 0.7 else meta.title)
    return questions


async def _compare(
    service: Service,
    tenant: Tenant,
    lists: _Lists,
    users: Sequence[str],
    questions: Sequence[str],
    progress: Progress,
) -> Comparison:
    """Also users who are in no group ask."""
    progress.begin("asking", len(users) * (len(questions) + 1))
    results = citations = texts = outside = missing = allowed_in_all = 0
    for user in users:
        caller = await act_as(tenant, user, (), groups_of=service.store.groups)
        allowed = lists.of(user)
        allowed_in_all += len(allowed)
        for question in questions:
            found, cited = await _shown(service, caller, question)
            results, citations = results + len(found), citations + len(cited)
            outside += sum(document_id not in allowed for document_id in [*found, *cited])
            progress.advance()
        for document_id in lists.documents:
            opens = await _opens(service, caller, document_id)
            texts += opens
            outside += opens and document_id not in allowed
            missing += not opens and document_id in allowed
        progress.advance()
    share = allowed_in_all / (len(users) * len(lists.documents))
    return Comparison(
        documents=len(lists.documents),
        refused=0,
        users=len(users),
        questions=len(questions),
        results=results,
        citations=citations,
        texts=texts,
        outside=outside,
        missing=missing,
        readable_share=share,
    )


async def _shown(service: Service, caller: Caller, question: str) -> tuple[list[str], list[str]]:
    """The document of every result, and of every citation, flag included."""
    try:
        found = await search(question, Filters(), caller, service.query_parts, limit=100)
        answer = await ask(question, Filters(), caller, service.query_parts, limit=10)
    except (InvalidRequest, QuestionRefused):
        return [], []
    told = [one.document_id for one in answer.citations]
    told += [flag.document_id for flag in (*answer.flags, *found.flags) if flag.document_id is not None]
    return [passage.document_id for passage in found.passages], told


async def _opens(service: Service, caller: Caller, document_id: str) -> bool:
    try:
        await service.store.documents.text(caller.scope, caller.tenant.keys, document_id)
    except NotFound:
        return False
    return True
