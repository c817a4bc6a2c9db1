"""Reads a test collection in the BEIR layout: ``corpus.jsonl queries.jsonl qrels/<split>.tsv``.

Thakur et al., "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval Models" (2021).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rag_service.domain.errors import RagError


class DatasetError(RagError):
    """A folder cannot be read as a test collection."""


@dataclass
class DatasetMissing(DatasetError):
    """A file that the layout asks for is absent."""

    path: Path
    detail: str = "a test collection holds corpus.jsonl, queries.jsonl and qrels/*.tsv"

    def __str__(self) -> str:
        return f"there is no {self.path}: {self.detail}"


@dataclass
class DatasetMalformed(DatasetError):
    """A line does not say what the layout asks of it. The line itself is not quoted."""

    path: Path
    line: int
    detail: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.detail}"


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """A document of the collection; ``title`` may be empty."""

    document_id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A collection with the judgements of one split. ``queries`` are the judged ones, in the order of their file.

    A query is judged when a document is judged above 0 for it; ``unjudged`` counts the others. ``judgements``
    keeps every grade, 0 included.
    """

    name: str
    split: str
    documents: tuple[CorpusDocument, ...]
    queries: Mapping[str, str]
    judgements: Mapping[str, Mapping[str, int]]
    unjudged: int


def load_dataset(folder: Path, split: str | None = None) -> Dataset:
    """The collection under ``folder``, named after it. ``split`` is needed where ``qrels`` holds several.

    Raises:
        DatasetMissing: a file is absent, or which split is meant is not clear.
        DatasetMalformed: a line is not what the layout asks for.
    """
    documents = tuple(documents_in(folder / "corpus.jsonl"))
    texts = dict(queries_in(folder / "queries.jsonl"))
    path = _qrels_file(folder / "qrels", split)
    judgements = judgements_in(path)
    judged = {query: text for query, text in texts.items() if _is_judged(judgements.get(query, {}))}
    if not judged:
        raise DatasetMalformed(path, 1, "it judges no query of queries.jsonl")
    return Dataset(
        name=folder.resolve().name,
        split=path.stem,
        documents=documents,
        queries=judged,
        judgements={query: judgements[query] for query in judged},
        unjudged=len(texts) - len(judged),
    )


def _is_judged(grades: Mapping[str, int]) -> bool:
    return any(grade > 0 for grade in grades.values())


def documents_in(path: Path) -> Iterator[CorpusDocument]:
    """The documents of a ``corpus.jsonl``. Raises ``DatasetError``."""
    seen: set[str] = set()
    for number, record in _records(path):
        document_id, text = _field(record, "_id", path, number), _field(record, "text", path, number)
        title = record.get("title") or ""
        if not isinstance(title, str):
            raise DatasetMalformed(path, number, "its title is no string")
        if document_id in seen:
            raise DatasetMalformed(path, number, "its _id stands on an earlier line too")
        seen.add(document_id)
        yield CorpusDocument(document_id, title, text)


def queries_in(path: Path) -> Iterator[tuple[str, str]]:
    """Ids and texts of a ``queries.jsonl``. Raises ``DatasetError``."""
    for query, text, _ in query_records_in(path):
        yield query, text


def query_records_in(path: Path) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    """The same with each query's ``metadata``, which is empty where there is none. Raises ``DatasetError``."""
    for number, record in _records(path):
        metadata = record.get("metadata") or {}
        if not isinstance(metadata, dict):
            raise DatasetMalformed(path, number, "its metadata is no JSON object")
        yield _field(record, "_id", path, number), _field(record, "text", path, number), metadata


def _records(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in _lines(path):
        try:
            record = json.loads(line)
        except ValueError:
            raise DatasetMalformed(path, number, "this is no JSON") from None
        if not isinstance(record, dict):
            raise DatasetMalformed(path, number, "this is no JSON object")
        yield number, record


def _field(record: dict[str, object], name: str, path: Path, number: int) -> str:
    value = record.get(name)
    if not isinstance(value, str) or (name == "_id" and not value):
        raise DatasetMalformed(path, number, f"it has no string {name}")
    return value


def _qrels_file(folder: Path, split: str | None) -> Path:
    if split is not None:
        path = folder / f"{split}.tsv"
        if not path.is_file():
            raise DatasetMissing(path, f"the splits here are: {', '.join(_splits(folder)) or 'none'}")
        return path
    splits = _splits(folder)
    if not splits:
        raise DatasetMissing(folder / "*.tsv")
    if len(splits) > 1:
        raise DatasetMissing(folder / "one split", f"name one with --split: {', '.join(splits)}")
    return folder / f"{splits[0]}.tsv"


def _splits(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.tsv"))


def load_judgements(folder: Path, split: str | None = None) -> dict[str, dict[str, int]]:
    """The judgements of the only file in ``folder``, or of ``split``. Raises ``DatasetError``."""
    return judgements_in(_qrels_file(folder, split))


def judgements_in(path: Path) -> dict[str, dict[str, int]]:
    """Grades by query and document. The first line is a header; three columns, the last a whole number.

    Raises ``DatasetError``.
    """
    found: dict[str, dict[str, int]] = {}
    for number, line in _lines(path):
        columns = line.split("\t")
        if len(columns) != 3:
            raise DatasetMalformed(path, number, "a judgement has three columns parted by tabs")
        if number == 1 and columns[2].strip() == "score":
            continue
        try:
            found.setdefault(columns[0], {})[columns[1]] = int(columns[2])
        except ValueError:
            raise DatasetMalformed(path, number, "its score is no whole number") from None
    return found


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not blank. Only a line feed ends a line: JSON may hold other separators."""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetMissing(path) from None
    except UnicodeDecodeError:
        raise DatasetMalformed(path, 1, "the file is no UTF-8 text") from None
