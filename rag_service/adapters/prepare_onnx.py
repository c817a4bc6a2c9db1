"""The packaged MiniLM as int8 ONNX, made once from its verified weights, in a process of its own.

Run by ``onnx_embedder`` as ``python -m rag_service.adapters.prepare_onnx FOLDER``: torch and transformers take
hundreds of megabytes, which the serving process must not keep.

The weights are quantised per output channel and to 7 bits. On processors without VNNI an 8-bit weight times an
8-bit activation saturates the 16-bit intermediate of ``vpmaddubsw``, and one scale for a whole matrix is too coarse
for this model: mean cosine to fp32 was 0.947 with neither, 0.80 with 7 bits alone, 0.992 with both. 7 bits give the
same vectors on every processor.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import warnings
from pathlib import Path

from rag_service.adapters.model_files import ModelFiles, packaged_minilm, sha256

NETWORK = "model.onnx"
RECORD = "record.json"
SOURCES = ("config.json", "model.safetensors", "tokenizer.json")
RECIPE = {
    "revision": 1,
    "format": "onnx, opset 17",
    "quantisation": "dynamic, u8 activations, s8 weights, per channel, 7 bits",
    "pooling": "mean over tokens, unit length",
    "max_tokens": 256,
}
"""Whatever changes the vectors. A different recipe is a different fingerprint."""


def origin(model: ModelFiles) -> dict[str, object]:
    """What the prepared network follows from: the recipe and the digests of the source files."""
    return {"recipe": RECIPE, "sources": {file: model.digests[file] for file in SOURCES}}


def fingerprint(model: ModelFiles) -> str:
    """The name of the vectors: model, form, and a digest over their origin."""
    return f"{model.name}-int8-{sha256(json.dumps(origin(model), sort_keys=True).encode())[:16]}"


def export_fp32(model: ModelFiles, target: Path) -> None:
    """The encoder stands at ``target`` as ONNX: (input_ids, attention_mask) to one vector a token."""
    import torch
    from safetensors.torch import load
    from transformers import BertConfig, BertModel

    config = BertConfig.from_dict(json.loads(model.read("config.json")), attn_implementation="eager")
    encoder = BertModel(config, add_pooling_layer=False)
    encoder.train(False)
    weights = load(model.read("model.safetensors"))
    weights.pop("embeddings.position_ids", None)  # a buffer of older versions, which is no weight
    encoder.load_state_dict({name: weight for name, weight in weights.items() if not name.startswith("pooler.")})

    class TokenVectors(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            segment = torch.zeros_like(input_ids)
            output = self.encoder(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=segment)
            states: torch.Tensor = output.last_hidden_state
            return states

    example = torch.ones(2, 8, dtype=torch.long)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of shapes that dynamic_axes declares
        torch.onnx.export(
            TokenVectors().eval(),
            (example, torch.ones_like(example)),
            str(target),
            dynamo=False,
            opset_version=17,
            input_names=["input_ids", "attention_mask"],
            output_names=["token_vectors"],
            dynamic_axes={name: {0: "batch", 1: "tokens"} for name in ("input_ids", "attention_mask", "token_vectors")},
        )


def prepare(model: ModelFiles, folder: Path) -> None:
    """``folder`` holds the quantised network and a record of its digest, sources, recipe and the tools' versions.

    Raises:
        ModelUnverified: a source file differs from its manifest.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    full = folder / "fp32.onnx"
    export_fp32(model, full)
    quantize_dynamic(full, folder / NETWORK, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
    full.unlink()
    record = {
        "file": NETWORK,
        "sha256": sha256((folder / NETWORK).read_bytes()),
        **origin(model),
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "transformers", "onnxruntime")},
    }
    (folder / RECORD).write_text(json.dumps(record, indent=1, sort_keys=True))


if __name__ == "__main__":
    os.umask(0o077)
    prepare(packaged_minilm(), Path(sys.argv[1]))
