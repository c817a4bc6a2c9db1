"""Compare the two epochs of a tenant: what each finds for the same questions, asked as the same user."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag_service.authentication import operate
from rag_service.domain.errors import InvalidRequest, QuestionRefused
from rag_service.owner.reach import at_desk
from rag_service.owner.wire import Ranking
from rag_service.sentences import sentence_spans
from rag_service.settings import Settings
from rag_service.store.tenants import Tenant
from rag_service.wiring import Store

DEPTH = 10
_WORDS = (6, 30)
_RESAMPLES = 1000
_SEED = 1


@dataclass(frozen=True, slots=True)
class Probe:
    """A question, and if somebody judged it, the ids or sources of the documents that answer it."""

    question: str
    documents: frozenset[str]


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over questions, and where it lies with 95% if they are a sample (percentile bootstrap)."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        chance, count = random.Random(_SEED), len(values)  # noqa: S311  # no secret
        means = sorted(sum(chance.choices(values, k=count)) / count for _ in range(_RESAMPLES))
        return cls(sum(values) / count, means[int(0.025 * _RESAMPLES)], means[int(0.975 * _RESAMPLES) - 1])


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures by name. What compares by judgement is there only for judged questions."""

    questions: int
    refused: int
    figures: dict[str, Figure]

    def as_json(self) -> dict[str, object]:
        told = {name: {"mean": one.mean, "ci95": [one.low, one.high]} for name, one in self.figures.items()}
        return {"questions": self.questions, "refused": self.refused, "figures": told}

    def readable(self) -> str:
        lines = [f"{self.questions} questions, {self.refused} refused by the guard"]
        lines += [f"{name}: {one.mean:.3f} ({one.low:.3f} to {one.high:.3f})" for name, one in self.figures.items()]
        return "\n".join(lines)


async def compared(
    settings: Settings,
    tenant_name: str,
    user: str,
    groups: Sequence[str],
    questions: Path | None,
    sample: int,
    tell: Callable[[str, int, int], None],
) -> Comparison:
    """How far the live epoch and the one beside agree.

    Raises ``NotFound`` where none stands beside; ``InvalidRequest`` for questions about documents that there are not.
    """
    from rag_service.owner.desk import Desk

    async def asked(store: Store, desk: Desk) -> Comparison:
        tenant = await store.tenants.by_name(tenant_name)
        probes = read_probes(questions) if questions else await sampled(store, tenant, sample)
        if judged := frozenset().union(*(probe.documents for probe in probes)):
            await refuse_unknown(store, tenant, judged)
        chosen = random.Random(_SEED).sample(probes, min(sample, len(probes)))  # noqa: S311  # as above
        found: list[tuple[Probe, Ranking, Ranking]] = []
        for number, probe in enumerate(chosen, start=1):
            try:
                rankings = await desk.rankings(
                    probe.question, tenant=tenant_name, user=user, groups=groups, limit=DEPTH
                )
            except QuestionRefused:
                continue
            finally:
                tell("asking both", number, len(chosen))
            found.append((probe, *rankings))
        if not found:
            raise InvalidRequest("there is no question that both can be asked")
        return Comparison(len(found), len(chosen) - len(found), figures(found))

    return await at_desk(settings, asked)


def figures(found: Sequence[tuple[Probe, Ranking, Ranking]]) -> dict[str, Figure]:
    """Agreement over all questions, and what each epoch finds over those that were judged."""
    told = {
        f"overlap@{DEPTH}": Figure.of([overlap(live.chunks, beside.chunks) for _, live, beside in found]),
        f"rank correlation@{DEPTH}": Figure.of([correlation(live.chunks, beside.chunks) for _, live, beside in found]),
    }
    judged = [one for one in found if one[0].documents]
    if judged:
        pairs = [(hit_rank(live, probe), hit_rank(beside, probe)) for probe, live, beside in judged]
        told[f"RR@{DEPTH} live"] = Figure.of([live for live, _ in pairs])
        told[f"RR@{DEPTH} beside"] = Figure.of([beside for _, beside in pairs])
        told[f"RR@{DEPTH} beside - live"] = Figure.of([beside - live for live, beside in pairs])
    return told


def overlap(one: Sequence[str], other: Sequence[str]) -> float:
    """Which share of what either found both found; 1 where neither found anything.

    >>> overlap(["a", "b"], ["b", "c"])
    0.3333333333333333
    """
    either = set(one) | set(other)
    return len(set(one) & set(other)) / len(either) if either else 1.0


def correlation(one: Sequence[str], other: Sequence[str]) -> float:
    """Kendall's tau over what either found, where what one did not find comes behind all that it found.

    Kendall, "A New Measure of Rank Correlation", 1938; pairs that one of them does not order count as neither.

    >>> correlation(["a", "b", "c"], ["a", "b", "c"]), correlation(["a", "b"], ["b", "a"])
    (1.0, -1.0)
    """
    first = {name: rank for rank, name in enumerate(one)}
    second = {name: rank for rank, name in enumerate(other)}
    names = sorted(first.keys() | second.keys())
    agreed = compared_pairs = 0
    for at, left in enumerate(names):
        for right in names[at + 1 :]:
            here = first.get(left, len(one)) - first.get(right, len(one))
            there = second.get(left, len(other)) - second.get(right, len(other))
            if here and there:
                compared_pairs += 1
                agreed += 1 if here * there > 0 else -1
    return agreed / compared_pairs if compared_pairs else 1.0


def hit_rank(found: Ranking, probe: Probe) -> float:
    """The reciprocal of the rank of the first document that answers the question; 0 where none was found."""
    documents = dict.fromkeys(zip(found.documents, found.sources, strict=True))
    for rank, (document, source) in enumerate(documents, start=1):
        if document in probe.documents or source in probe.documents:
            return 1 / rank
    return 0.0


def read_probes(path: Path) -> list[Probe]:
    """The questions of a BEIR folder, or of a file of JSON lines. Raises ``InvalidRequest`` for what is neither."""
    try:
        if not path.is_dir():
            return [_probe(json.loads(line)) for line in path.read_text("utf-8").splitlines() if line.strip()]
        expected: dict[str, set[str]] = {}
        for file in sorted((path / "qrels").glob("*.tsv")):
            for line in file.read_text("utf-8").splitlines():
                question, document, grade, *_ = [*line.split("\t"), "", "", ""]
                if grade.strip().isdecimal() and int(grade) > 0:
                    expected.setdefault(question, set()).add(document)
        lines = [json.loads(line) for line in (path / "queries.jsonl").read_text("utf-8").splitlines() if line.strip()]
        return [Probe(one["text"], frozenset(expected[one["_id"]])) for one in lines if one["_id"] in expected]
    except (OSError, ValueError, KeyError, TypeError):
        raise InvalidRequest("this is no BEIR folder, and no file of JSON lines with a question each") from None


def _probe(line: dict[str, object]) -> Probe:
    documents = line.get("documents", ())
    if not isinstance(documents, Iterable) or isinstance(documents, str):
        raise TypeError
    return Probe(str(line["question"]), frozenset(map(str, documents)))


async def refuse_unknown(store: Store, tenant: Tenant, judged: frozenset[str]) -> None:
    """Raises ``InvalidRequest`` where none of the tenant's live documents has the id or source: nothing would find it,
    and the figures would blame the model."""
    metas = await store.documents.all(operate(tenant), tenant.keys)
    known = {one.document_id for one in metas} | {one.source for one in metas}
    if unknown := sorted(judged - known):
        raise InvalidRequest(
            f"{len(unknown)} of the {len(judged)} documents that answer the questions are not live here, by id or "
            f"source; the first is {unknown[0]}"
        )


async def sampled(store: Store, tenant: Tenant, count: int) -> list[Probe]:
    """Sentences of the tenant's own documents, as questions that nobody judged. They are held in memory alone."""
    operator, chance = operate(tenant), random.Random(_SEED)  # noqa: S311  # as above
    documents = await store.versions.document_ids(operator)
    chosen = chance.sample(documents, min(count, len(documents)))
    each = -(-count // len(chosen)) if chosen else 0
    probes: list[Probe] = []
    for document_id in chosen:
        stored, _ = await store.versions.points(operator, tenant.keys, document_id)
        told = [sentence for point in stored for sentence in _asked(point.lexical_text)]
        probes += [Probe(one, frozenset()) for one in chance.sample(told, min(each, len(told)))]
    return probes


def _asked(text: str) -> list[str]:
    found = (text[start:end] for start, end in sentence_spans(text))
    return [one for one in found if _WORDS[0] <= len(one.split()) <= _WORDS[1]]
