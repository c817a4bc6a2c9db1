"""Reads a tenant's folder: its documents, its questions, and what is known of their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from eval.datasets.beir import DatasetMalformed, DatasetMissing, documents_in, load_judgements, query_records_in
from ingestion.batch import find_files
from rag_service.domain.document import Upload
from rag_service.domain.errors import Refused

UNTYPED = "untyped"


@dataclass(frozen=True, slots=True)
class Offered:
    """A document as it will be uploaded. ``name`` is what the judgements call it."""

    name: str
    upload: Callable[[], Upload]


@dataclass(frozen=True, slots=True)
class Question:
    """``facts`` are texts that answer it, where they are known; ``right`` the documents that do."""

    question_id: str
    text: str
    kind: str
    facts: Sequence[str]
    right: frozenset[str]


@dataclass(frozen=True, slots=True)
class TenantFolder:
    """A tenant to be. Only judged questions are kept."""

    name: str
    documents: Sequence[Offered]
    questions: Sequence[Question]


def read_tenant(folder: Path, split: str | None = None) -> TenantFolder:
    """The tenant that the folder describes.

    It holds ``documents/**``, where files of the same stem are one document, or else ``corpus.jsonl``;
    ``queries.jsonl``, with ``metadata.type`` and ``metadata.supporting_facts`` where they are known;
    and ``qrels/*.tsv``.

    Raises ``DatasetError`` where the folder is not laid out so.
    """
    has_files = (folder / "documents").is_dir()
    documents = tuple(_files(folder / "documents") if has_files else _corpus(folder / "corpus.jsonl"))
    if not documents:
        raise DatasetMissing(folder / "documents", "it holds no file")
    judgements = load_judgements(folder / "qrels", split)
    path = folder / "queries.jsonl"
    questions: list[Question] = []
    for number, (query, text, metadata) in enumerate(query_records_in(path), start=1):
        graded = judgements.get(query, {})
        right = frozenset(_stem(name) if has_files else name for name, grade in graded.items() if grade > 0)
        if right:
            facts = _facts(metadata, path, number)
            questions.append(Question(query, text, str(metadata.get("type") or UNTYPED), facts, right))
    if not questions:
        raise DatasetMalformed(path, 1, "none of its questions is judged in qrels")
    return TenantFolder(folder.resolve().name, documents, tuple(questions))


def _stem(name: str) -> str:
    """
    >>> _stem("ZX Bank/Fees, v1.2.md")
    'Fees, v1.2'
    """
    return PurePosixPath(name).stem


def _files(folder: Path) -> Iterator[Offered]:
    for file in find_files([folder], None):
        yield Offered(file.path.stem, _reader(file.path, file.source))


def _reader(path: Path, source: str) -> Callable[[], Upload]:
    def read() -> Upload:
        if path.is_symlink():
            raise Refused("symbolic_link", "a symbolic link is not followed")
        return Upload(name=path.name, content=path.read_bytes(), source=source)

    return read


def _corpus(path: Path) -> Iterator[Offered]:
    for document in documents_in(path):
        upload = Upload(
            name=_file_name(document.document_id),
            content=document.text.encode(),
            source=document.document_id,
            title=document.title or None,
        )
        yield Offered(document.document_id, partial(_same, upload))


def _same(upload: Upload) -> Upload:
    return upload


def _file_name(document_id: str) -> str:
    """The id's last part, as text where it does not say what it is.

    >>> _file_name("ZX Bank/Fees.md"), _file_name("4983")
    ('Fees.md', '4983.txt')
    """
    path = PurePosixPath(document_id)
    return path.name if path.suffix == ".md" else f"{path.stem}.txt"


def _facts(metadata: Mapping[str, object], path: Path, number: int) -> tuple[str, ...]:
    given = metadata.get("supporting_facts") or ()
    if not isinstance(given, list | tuple):
        raise DatasetMalformed(path, number, "its supporting_facts are no list")
    texts = tuple(one.get("text") if isinstance(one, dict) else None for one in given)
    if not all(isinstance(text, str) for text in texts):
        raise DatasetMalformed(path, number, "a supporting fact has no text")
    return tuple(text for text in texts if isinstance(text, str))
