"""``python -m eval.tenant_questions DIR``: companies' documents and questions, through `rag ingest` and HTTP.

``DIR/<tenant>`` holds ``documents/**``, ``queries.jsonl`` and ``qrels/test.tsv``. A document in several formats is one
document: files with the same stem. Each tenant's questions go to ``search`` and ``query`` with its own key; some of
the others' questions go to ``query`` too, and should be answered "not found".
"""

from __future__ import annotations

import json
import resource
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import httpx
from rich.console import Console
from rich.progress import track

from eval.datasets.beir import judgements_in, queries_in
from eval.measures.interval import mean, percentile
from eval.measures.retrieval import by_document, per_query
from eval.served import Installation, Served, serve, temporary_installation

_USER = "evaluator"
_SHOWN = ("nDCG@10", "R@10", "RR@10")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Company:
    """A tenant's folder, read: its questions, and the stems of the documents that answer each."""

    name: str
    folder: Path
    questions: Mapping[str, str]
    judgements: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Member:
    """A tenant that was ingested. ``stems`` names each of its documents by id."""

    company: Company
    key: str
    stems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Intake:
    """What ingestion did, over all tenants. ``peak_rss_mib`` is that of the largest process."""

    files: int
    refused: Mapping[str, int]
    files_per_s: float
    chunks: int
    peak_rss_mib: float


@dataclass(frozen=True, slots=True)
class Searched:
    """Search over one tenant's questions. The two counts must be 0."""

    measures: Mapping[str, float]
    other_tenants: int
    texts_that_differ: int
    results: int
    p50_ms: float


@dataclass(frozen=True, slots=True)
class Answered:
    """Answers to one tenant's questions, and to others' questions put to it."""

    questions: int
    answered: float
    first_citation_right: float
    quotes: int
    quotes_that_differ: int
    others_asked: int
    others_refused: float
    p50_ms: float


def read_company(folder: Path) -> Company:
    """Raises ``DatasetError`` where the folder is not laid out as above."""
    judged = {
        query: {PurePosixPath(document).stem: grade for document, grade in grades.items()}
        for query, grades in judgements_in(folder / "qrels" / "test.tsv").items()
    }
    questions = {query: text for query, text in queries_in(folder / "queries.jsonl") if query in judged}
    return Company(folder.name, folder, questions, {query: judged[query] for query in questions})


def ingest(companies: Sequence[Company], installation: Installation) -> tuple[list[Member], Intake]:
    """Every file under each company's ``documents`` was offered to `rag ingest`, as documents for everyone there."""
    members: list[Member] = []
    refused: Counter[str] = Counter()
    files = chunks = 0
    began = time.perf_counter()
    for company in companies:
        key = installation.new_tenant(company.name, _USER)
        documents = str(company.folder / "documents")
        told = installation.rag("ingest", documents, "--tenant", company.name, "--allow", "everyone", accept=(0, 1))
        refused.update(one["reason"] for one in told["refused"])
        files += sum(map(len, told.values()))
        chunks += sum(one["chunks"] for one in told["documents"])
        members.append(Member(company, key, {one["document_id"]: Path(one["path"]).stem for one in told["documents"]}))
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return members, Intake(files, dict(refused), files / took, chunks, peak)


class Texts:
    """The canonical texts that one tenant's passages are slices of, fetched once each."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._texts: dict[tuple[str, int], str] = {}

    def is_slice(self, piece: Mapping[str, Any], quoted: str) -> bool:
        """Whether ``quoted`` is exactly the document's text where ``piece`` says."""
        place = piece["document_id"], piece["version"]
        if place not in self._texts:
            answer = self._client.get(f"/documents/{place[0]}/text", params={"version": place[1]}).raise_for_status()
            self._texts[place] = answer.json()["text"]
        return self._texts[place][piece["start"] : piece["end"]] == quoted


def search_all(member: Member, client: httpx.Client, texts: Texts) -> Searched:
    """Every question of the tenant, searched with limits 10 and 100."""
    company = member.company
    rankings: dict[int, dict[str, list[str]]] = {10: {}, 100: {}}
    strangers = differing = results = 0
    times = []
    for query, text in _shown(company.questions.items(), f"search {company.name}", len(company.questions)):
        for limit, found in rankings.items():
            began = time.perf_counter()
            passages = _post(client, "search", text, limit)["results"]
            if limit == 10:
                times.append(1000 * (time.perf_counter() - began))
            strangers += sum(passage["document_id"] not in member.stems for passage in passages)
            differing += sum(not texts.is_slice(passage, passage["text"]) for passage in passages)
            results += len(passages)
            found[query] = by_document(member.stems.get(passage["document_id"], "") for passage in passages)
    measures: dict[str, float] = {}
    for limit, found in rankings.items():
        values = per_query(company.judgements, found)
        measures |= {f"{name} limit={limit}": mean(list(values[name].values())) for name in _SHOWN}
    return Searched(measures, strangers, differing, results, percentile(times, 0.5))


def ask_all(member: Member, others: Sequence[str], client: httpx.Client, texts: Texts) -> Answered:
    """Every question of the tenant, and those of others, answered."""
    company = member.company
    answered = right = quotes = differing = 0
    times = []
    for query, text in _shown(company.questions.items(), f"query {company.name}", len(company.questions)):
        began = time.perf_counter()
        answer = _post(client, "query", text, 10)
        times.append(1000 * (time.perf_counter() - began))
        citations = answer["citations"]
        quotes += len(citations)
        differing += sum(not texts.is_slice(citation, citation["quote"]) for citation in citations)
        if answer["found"]:
            answered += 1
            right += company.judgements[query].get(member.stems.get(citations[0]["document_id"], ""), 0) > 0
    refused = sum(
        not _post(client, "query", text, 10)["found"]
        for text in _shown(others, f"others' questions to {company.name}", len(others))
    )
    return Answered(
        questions=len(company.questions),
        answered=answered / len(company.questions),
        first_citation_right=right / max(answered, 1),
        quotes=quotes,
        quotes_that_differ=differing,
        others_asked=len(others),
        others_refused=refused / max(len(others), 1),
        p50_ms=percentile(times, 0.5),
    )


def measure(companies: Sequence[Company], installation: Installation, wrong_every: int) -> dict[str, Any]:
    """The report. Means over tenants weigh each question alike."""
    members, intake = ingest(companies, installation)
    with serve(installation) as served:
        by_tenant = {member.company.name: _measure_tenant(member, companies, served, wrong_every) for member in members}
    weights = [len(member.company.questions) for member in members]
    searched, answered = ([report[part] for report in by_tenant.values()] for part in ("search", "query"))
    return {
        "ingest": asdict(intake),
        "search": _weighted(searched, weights),
        "query": _weighted(answered, weights),
        "by_tenant": by_tenant,
    }


def _measure_tenant(
    member: Member, companies: Sequence[Company], served: Served, wrong_every: int
) -> dict[str, dict[str, Any]]:
    name = member.company.name
    others = [text for one in companies if one.name != name for text in list(one.questions.values())[::wrong_every]]
    with served.client(name, member.key) as client:
        texts = Texts(client)
        searched = search_all(member, client, texts)
        return {"search": asdict(searched), "query": asdict(ask_all(member, others, client, texts))}


def _weighted(reports: Sequence[Mapping[str, Any]], weights: Sequence[int]) -> dict[str, Any]:
    """Counts are added, shares and times averaged by number of questions."""
    whole: dict[str, Any] = {}
    for name, first in reports[0].items():
        values = [report[name] for report in reports]
        if isinstance(first, Mapping):
            whole[name] = _weighted(values, weights)
        elif isinstance(first, int):
            whole[name] = sum(values)
        else:
            whole[name] = sum(value * weight for value, weight in zip(values, weights, strict=True)) / sum(weights)
    return whole


def _post(client: httpx.Client, route: str, question: str, limit: int) -> Any:
    return client.post(f"/{route}", json={"question": question, "limit": limit}).raise_for_status().json()


def _shown(items: Iterable[T], what: str, total: int) -> Iterable[T]:
    return track(items, what, total=total, console=Console(stderr=True), transient=True)


def main() -> None:
    parser = ArgumentParser(prog="python -m eval.tenant_questions", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="one folder a tenant")
    parser.add_argument("--wrong-every", type=int, default=4, help="ask every N-th question of the other tenants")
    arguments = parser.parse_args()
    companies = [read_company(path) for path in sorted(arguments.folder.iterdir()) if (path / "documents").is_dir()]
    if not companies:
        parser.error(f"{arguments.folder} holds no tenant's folder")
    with temporary_installation() as installation:
        report = measure(companies, installation, arguments.wrong_every)
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
