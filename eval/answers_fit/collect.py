"""Questions with the passages that the product finds for them, and the facts that they should be answered from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from eval.served import Installation
from rag_service.authentication import act_as
from rag_service.domain.answer import Passage, Relevance
from rag_service.lexical import STOP_WORDS, words
from rag_service.query.ask import search
from rag_service.query.retrieve import Filters
from rag_service.sentences import sentence_spans
from rag_service.settings import load_settings
from rag_service.wiring import open_service

_LEAST_WORDS = 4


@dataclass(frozen=True, slots=True)
class Case:
    """A question. ``facts`` are the content words of each sentence that supports its answer."""

    id: str
    tenant: str
    question: str
    facts: tuple[frozenset[str], ...]
    passages: tuple[Passage, ...]

    @property
    def is_for_fitting(self) -> bool:
        """Half of the questions, by hash of the id; the other half is only ever reported on."""
        return hashlib.sha256(self.id.encode()).digest()[-1] % 2 == 0


def content_words(text: str) -> frozenset[str]:
    """The words of a text that are no stop words."""
    return frozenset(word for word in words(text) if word not in STOP_WORDS)


def fact_words(texts: Sequence[str]) -> tuple[frozenset[str], ...]:
    """The content words of every sentence and line that has four or more.

    >>> [sorted(fact) for fact in fact_words(["Paid monthly. Refunds take five working days."])]
    [['days', 'five', 'refunds', 'take', 'working']]
    """
    pieces = [text[start:end] for text in texts for start, end in sentence_spans(text)]
    pieces += [line for text in texts for line in text.splitlines()]
    found = dict.fromkeys(map(content_words, pieces))
    return tuple(fact for fact in found if len(fact) >= _LEAST_WORDS)


async def collect(folder: Path, installation: Installation) -> list[Case]:
    """The cases of one company's folder, which is ingested into the installation as a tenant of its name."""
    installation.rag("tenant", "create", folder.name)
    installation.rag("ingest", str(folder / "documents"), "--tenant", folder.name, "--allow", "everyone", accept=(0, 1))
    settings = load_settings(
        data_dir=installation.data_dir, master_key=installation.environment["RAG_MASTER_KEY"], threads=1
    )
    cases = []
    async with open_service(settings) as service:
        caller = await act_as(
            await service.store.tenants.by_name(folder.name), "fitter", [], groups_of=service.store.groups
        )
        for line in (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines():
            query = json.loads(line)
            found = await search(
                query["text"], Filters(), caller, service.query_parts, limit=service.query_parts.passages
            )
            facts = fact_words([fact["text"] for fact in query["metadata"]["supporting_facts"]])
            cases.append(Case(query["_id"], folder.name, query["text"], facts, found.passages))
    return cases


def to_json(case: Case) -> str:
    """One line, for a file of cases. Vectors are left out: nothing here reads them."""
    passages = [{**asdict(passage), "vector": None} for passage in case.passages]
    return json.dumps(
        {**asdict(case), "facts": [sorted(fact) for fact in case.facts], "passages": passages}, ensure_ascii=False
    )


def from_json(line: str) -> Case:
    """The case that ``to_json`` wrote."""
    told = json.loads(line)
    passages = tuple(
        Passage(**{**one, "suspicions": tuple(one["suspicions"]), "relevance": Relevance(one["relevance"])})
        for one in told["passages"]
    )
    facts = tuple(frozenset(fact) for fact in told["facts"])
    return Case(told["id"], told["tenant"], told["question"], facts, passages)
