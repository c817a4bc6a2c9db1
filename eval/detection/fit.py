"""Makes the weights of the judge: ``python -m eval.detection.fit DATA_DIR > rag_service/detect/judge_weights.py``.

The first model, of the words alone, is fit on what we wrote (``eval.detection.written``) against the requests that
stand in our own documents, and in the choosing half of the tenants' documents and of the benign contexts. The second,
of the place, is fit on the same requests in their places, on ours planted in those documents, and on the tenants' own
questions: planted in the document that answers them they are on topic, in another tenant's they are not. No string of
an attack set is in it.
"""

from __future__ import annotations

import base64
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.detection import written
from eval.detection.corpus import CHOOSE, contexts, half_of, half_of_file
from ingestion.canonical import joined
from ingestion.parse import parse
from ingestion.validate import validate
from rag_service.detect.judge import AROUND, RequestInPlace, in_place, log_odds, place_terms
from rag_service.detect.requests import LONGEST, find_requests
from rag_service.domain.document import Finding, Upload
from rag_service.domain.errors import Refused
from rag_service.ports import Embedder, InjectionClassifier

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SENTENCE_C, PLACE_C = 0.03, 1.0
_SCALE = 4.0
"""A coordinate of a unit vector is small beside log-odds: scaled, one penalty fits both."""
_FOLDS = 5
_NEWTON_STEPS = 50
_SAMPLE, _SMALL = 400, 100_000
"""Abstracts of one collection, and bytes of a file, that are read at most."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A request in its place; ``is_foreign`` where it is not for the document's readers."""

    request: RequestInPlace
    is_foreign: bool
    weight: float


@dataclass(frozen=True, slots=True)
class Document:
    tenant: str
    name: str
    title: str
    text: str


def documents(data: Path) -> list[Document]:
    """The choosing half of the tenants' Markdown documents as their canonical text, and of the benign contexts."""
    found = []
    for path in sorted((data / "tenants").glob("*/documents/**/*.md")):
        if half_of_file(path) == CHOOSE:
            upload = Upload(path.name, path.read_bytes(), str(path))
            parsed = parse(validate(upload, max_bytes=2**26))
            tenant = path.relative_to(data / "tenants").parts[0]
            found.append(Document(tenant, path.stem, parsed.title, joined(parsed.elements)[0].text))
    for kind, texts in contexts(data / "attacks").items():
        found += [Document(kind, "", kind, text) for text in texts if half_of(text) == CHOOSE]
    found += [Document("collection", "", title, text) for title, text in _collections(data)]
    for text in written.documents():
        found.append(Document("written", "", text.partition("\n")[0], text))
    return found


def _collections(data: Path) -> Iterator[tuple[str, str]]:
    """Abstracts and other plain files that nobody planted anything in, of the choosing half, a sample."""
    for path in sorted((data / "retrieval").glob("*/corpus.jsonl")):
        rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
        texts = [(row.get("title", ""), row["text"]) for row in rows if half_of(row["text"]) == CHOOSE]
        yield from texts[:_SAMPLE]
    for path in sorted((data / "hostile" / "unstructured").rglob("*")):
        if path.suffix in {".txt", ".md", ".html"} and half_of_file(path) == CHOOSE and path.stat().st_size < _SMALL:
            try:
                parsed = parse(validate(Upload(path.name, path.read_bytes(), path.name), max_bytes=_SMALL))
            except Refused:
                continue
            yield parsed.title, joined(parsed.elements)[0].text


def natural(documents: Sequence[Document]) -> list[Labelled]:
    """Every request of the documents, as it stands there."""
    return [
        Labelled(
            in_place(one.text, one.title, found, LONGEST),
            is_foreign=False,
            weight=3.0 if one.tenant == "written" else 1.0,
        )
        for one in documents
        for found in find_requests(one.text)
    ]


def planted(documents: Sequence[Document], draw: random.Random) -> list[Labelled]:
    """Our requests at places drawn at random: those to an assistant are foreign there, those to readers are not."""
    foreign = [
        Labelled(plant(text, draw.choice(documents), draw), True, 1.0) for text in written.requests_to_an_assistant()
    ]
    readers = [
        Labelled(plant(text, draw.choice(documents), draw), False, 2.0) for text in written.requests_to_readers()
    ]
    return foreign + readers


def questions(data: Path, documents: Sequence[Document], draw: random.Random) -> list[Labelled]:
    """The tenants' questions, in the documents that answer them and in other tenants'."""
    found = []
    for folder in sorted((data / "tenants").iterdir()):
        own = {one.name: one for one in documents if one.tenant == folder.name}
        others = [one for one in documents if one.tenant != folder.name and one.name]
        if not own:
            continue
        for line in (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines():
            query = json.loads(line)
            names = {Path(fact["filename"]).stem for fact in query["metadata"]["supporting_facts"]}
            found += [Labelled(plant(query["text"], own[name], draw), False, 1.0) for name in sorted(names & set(own))]
            if names & set(own):
                found.append(Labelled(plant(query["text"], draw.choice(others), draw), True, 0.3))
    return found


def plant(text: str, document: Document, draw: random.Random) -> RequestInPlace:
    """The request at a line end of the document."""
    ends = [0, *(at for at, letter in enumerate(document.text) if letter == "\n"), len(document.text)]
    at = draw.choice(ends)
    whole = f"{document.text[:at]}\n{text}\n{document.text[at:]}"
    return in_place(whole, document.title, Finding("request", at + 1, at + 1 + len(text)), LONGEST)


def fit(data: Path, embedder: Embedder, classifier: InjectionClassifier) -> dict[str, Any]:
    """The weights of both models."""
    import numpy as np

    draw = random.Random(11)  # noqa: S311  # places, not secrets
    read = documents(data)
    stands, ours, asked = natural(read), planted(read, draw), questions(data, read, draw)
    words = stands + ours
    seen = np.hstack(
        [_SCALE * _vectors([one.request.text for one in words + asked], embedder), _odds(words + asked, classifier)]
    )
    labels = np.asarray([one.is_foreign for one in words])
    weights = np.asarray([one.weight for one in words])
    # A model is surer of what it was fit on than of the rest: the second one learns from what it is not.
    fold = np.random.default_rng(5).integers(0, _FOLDS, len(words))
    likely = np.empty(len(words) + len(asked))
    for one in range(_FOLDS):
        kept, left = fold != one, np.flatnonzero(fold == one)
        likely[left] = _bias_first(seen[left]) @ logistic(
            seen[: len(words)][kept], labels[kept], weights[kept], SENTENCE_C
        )
    sentence = logistic(seen[: len(words)], labels, weights, SENTENCE_C)
    likely[len(words) :] = _bias_first(seen[len(words) :]) @ sentence
    everything = words + asked
    place = logistic(
        _terms(everything, likely, embedder)[:, 1:],
        np.asarray([one.is_foreign for one in everything]),
        np.asarray([one.weight for one in everything]),
        PLACE_C,
    )
    return {
        "vector": sentence[1:-1] * _SCALE,
        "classifier": float(sentence[-1]),
        "bias": float(sentence[0]),
        "place": list(map(float, place)),
    }


def logistic(
    rows: npt.NDArray[np.float64], labels: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64], c: float
) -> npt.NDArray[np.float64]:
    """The weights of a logistic regression, its constant first, by Newton's method.

    They minimise ``|w|² / 2 + c · Σ weight · loss``; the constant is not held down.
    """
    import numpy as np

    seen = _bias_first(rows)
    found = np.zeros(seen.shape[1])
    held = np.r_[0.0, np.ones(seen.shape[1] - 1)]
    for _ in range(_NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(seen @ found, -30, 30)))
        slope = held * found + c * (seen.T @ (weights * (chance - labels)))
        curve = np.diag(held + 1e-9) + c * (seen.T * (weights * chance * (1 - chance))) @ seen
        step = np.linalg.solve(curve, slope)
        found = found - step
        if np.abs(step).max() < 1e-8:
            break
    return found


def _bias_first(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    import numpy as np

    return np.column_stack([np.ones(len(rows)), rows])


def _vectors(texts: Sequence[str], embedder: Embedder) -> npt.NDArray[np.float32]:
    return embedder.embed(texts)


def _odds(examples: Sequence[Labelled], classifier: InjectionClassifier) -> npt.NDArray[np.float32]:
    import numpy as np

    scores = classifier.score([one.request.text for one in examples])
    return np.asarray([[log_odds(score)] for score in scores], np.float32)


def _terms(
    examples: Sequence[Labelled], likely: npt.NDArray[np.float64], embedder: Embedder
) -> npt.NDArray[np.float64]:
    import numpy as np

    rows = []
    for one, value in zip(examples, likely, strict=True):
        request = one.request
        vector, around, title = embedder.embed([request.text, request.around, request.title])
        rows.append(place_terms(request, float(value), float(around @ vector), float(title @ vector)))
    return np.asarray(rows)


def module(weights: dict[str, Any]) -> str:
    """The weights as the module that the judge reads."""
    import numpy as np

    packed = base64.b64encode(np.asarray(weights["vector"], "<f2").tobytes()).decode()
    lines = "\n".join(f'    "{packed[at : at + 100]}"' for at in range(0, len(packed), 100))
    place = ", ".join(f"{value:.4f}" for value in weights["place"])
    return _MODULE.format(
        lines=lines, place=place, classifier=weights["classifier"], bias=weights["bias"], around=AROUND
    )


_MODULE = '''"""The weights of the judge, made by ``python -m eval.detection.fit``; see there."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

VERSION = "judge-1"
SENTENCE_CLASSIFIER = {classifier:.4f}
SENTENCE_BIAS = {bias:.4f}
PLACE = ({place})
_SENTENCE = (
{lines}
)


@lru_cache(maxsize=1)
def sentence_weights() -> npt.NDArray[np.float32]:
    """One for each coordinate of the packaged embedding model."""
    import numpy as np

    return np.frombuffer(base64.b64decode(_SENTENCE), "<f2").astype(np.float32)
'''


def main() -> None:
    from rag_service.adapters.injection_classifier import PackagedClassifier, packaged_defender
    from rag_service.adapters.onnx_embedder import load_onnx_embedder
    from rag_service.settings import load_settings

    embedder = load_onnx_embedder(load_settings().cache_dir)
    sys.stdout.write(module(fit(Path(sys.argv[1]), embedder, PackagedClassifier(packaged_defender()))))


if __name__ == "__main__":
    main()
