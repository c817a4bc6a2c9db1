"""The name model's network with whole bytes for weights: twice as fast on a processor as four bits, from the same file.

The file's matrices are unpacked and quantised anew, per output channel and to 7 bits, as on processors without VNNI an
8-bit weight times an 8-bit activation saturates. What they are multiplied with has fixed ranges, so that a text's
marks do not depend on the texts beside it in a batch. Nothing is read but the bytes given, nothing is kept on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float32]

_LARGEST = 63
_RANGES = (
    (-2.80, 7.90),
    (-4.57, 2.97), (-6.03, 23.34), (-0.18, 20.96), (-5.38, 9.49),
    (-2.78, 3.64), (-6.15, 28.17), (-0.18, 16.71), (-5.14, 8.34),
    (-3.12, 3.08), (-11.25, 23.38), (-0.18, 15.27), (-5.25, 10.05),
    (-3.17, 2.87), (-13.56, 23.03), (-0.18, 10.61), (-6.06, 11.12),
    (-3.42, 4.39), (-9.60, 17.57), (-0.18, 4.69), (-5.53, 10.58),
    (-4.30, 4.17), (-4.22, 17.88), (-0.18, 4.80), (-3.21, 11.77),
)  # fmt: skip
"""Least and greatest of what comes into the products: after the embedding, then in each layer after attention, its
norm, GELU and the second norm. As seen on documents, letters and forms, and a twentieth more. A few of the network's
coordinates are far out whatever the text, so the ranges of single texts differ little from these."""


def as_int8(network: bytes) -> bytes:
    """The network with each four-bit product of matrices replaced by one of bytes."""
    import onnx
    from onnx import helper

    model = onnx.load_model_from_string(network)
    graph = model.graph
    rewriting = _Rewriting({tensor.name: tensor for tensor in graph.initializer}, _biases(graph))
    nodes = [new for node in graph.node for new in rewriting.replaced(node)]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*rewriting.stored.values(), *rewriting.added])
    if "com.microsoft" not in {domain.domain for domain in model.opset_import}:
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    content: bytes = model.SerializeToString()
    return content


def word_vectors(network: bytes) -> Matrix:
    """The vectors of the vocabulary's word pieces, as they are meant."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    name = "bert.embeddings.word_embeddings.weight"
    stored = {tensor.name: tensor for tensor in onnx.load_model_from_string(network).graph.initializer}
    codes, zero, scale = (
        numpy_helper.to_array(stored[f"{name}_{part}"]).astype(np.float32)
        for part in ("quantized", "zero_point", "scale")
    )
    vectors: Matrix = (codes - zero) * scale
    return vectors


def _biases(graph: Any) -> Mapping[str, tuple[str, str]]:
    """For each product to which a vector is added: the vector, and what the sum is called."""
    products = {node.output[0] for node in graph.node if node.op_type == "MatMulNBits"}
    vectors = {tensor.name for tensor in graph.initializer if len(tensor.dims) == 1}
    biases = {}
    for node in graph.node:
        if node.op_type == "Add":
            for one, other in (tuple(node.input), tuple(reversed(node.input))):
                if one in products and other in vectors:
                    biases[one] = other, node.output[0]
    return biases


@dataclass(slots=True)
class _Rewriting:
    """Node by node. What several products share is quantised once; a vector that is added joins its product."""

    stored: dict[str, Any]
    biases: Mapping[str, tuple[str, str]]
    added: list[Any] = field(default_factory=list)
    _codes: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def replaced(self, node: Any) -> list[Any]:
        if node.op_type == "MatMulNBits":
            return self._product(node, _unpacked(node, self.stored))
        joined = {total for _, total in self.biases.values()}
        return [] if node.op_type == "Add" and node.output[0] in joined else [node]

    def _product(self, node: Any, weights: Matrix) -> list[Any]:
        import numpy as np
        from onnx import helper

        for name in node.input[1:]:
            self.stored.pop(name, None)
        given, out = node.input[0], node.output[0]
        nodes = []
        if given not in self._codes:
            nodes.append(self._quantised(given))
        codes, step, zero = self._codes[given]
        scale = np.abs(weights).max(0) / _LARGEST
        scale[scale == 0] = 1.0
        matrix = self._store(f"int8_{out}", np.round(weights / scale).astype(np.int8))
        scales = self._store(f"int8_{out}_scale", scale.astype(np.float32))
        bias, total = self.biases.get(out, ("", out))
        inputs = [codes, matrix, step, scales, zero, "", bias] if bias else [codes, matrix, step, scales, zero]
        nodes.append(helper.make_node("MatMulIntegerToFloat", inputs, [total], domain="com.microsoft"))
        return nodes

    def _quantised(self, given: str) -> Any:
        import numpy as np
        from onnx import helper

        low, high = _RANGES[len(self._codes)]
        step = (high - low) / 255
        names = f"{given}_codes", f"{given}_step", f"{given}_zero"
        self._codes[given] = names
        self._store(names[1], np.asarray(step, np.float32))
        self._store(names[2], np.asarray(round(-low / step), np.uint8))
        return helper.make_node("QuantizeLinear", [given, *names[1:]], [names[0]])

    def _store(self, name: str, values: Any) -> str:
        from onnx import numpy_helper

        self.added.append(numpy_helper.from_array(values, name))
        return name


def _unpacked(node: Any, stored: dict[str, Any]) -> Matrix:
    """The weights as they are meant, inputs by outputs. A block shares a scale and a zero point."""
    import numpy as np
    from onnx import numpy_helper

    shape = {attribute.name: attribute.i for attribute in node.attribute}
    outputs, inputs, block = shape["N"], shape["K"], shape["block_size"]
    packed = numpy_helper.to_array(stored[node.input[1]])
    blocks = packed.shape[1]
    scales = numpy_helper.to_array(stored[node.input[2]]).reshape(outputs, blocks, 1)
    codes = np.empty((outputs, blocks, block), np.float32)
    codes[..., 0::2], codes[..., 1::2] = packed & 15, packed >> 4
    zeros: Any = 8.0
    if len(node.input) > 3 and node.input[3]:
        pairs = numpy_helper.to_array(stored[node.input[3]]).reshape(outputs, -1)
        zeros = np.empty((outputs, pairs.shape[1] * 2), np.float32)
        zeros[:, 0::2], zeros[:, 1::2] = pairs & 15, pairs >> 4
        zeros = zeros[:, :blocks, None]
    whole: Matrix = ((codes - zeros) * scales).reshape(outputs, -1)[:, :inputs].T.astype(np.float32)
    return whole
