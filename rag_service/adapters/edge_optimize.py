"""Builds the graph of a shard, in a process of its own: the engine holds the interpreter's lock for the whole time.

Run by ``edge_upkeep`` as ``python -m rag_service.adapters.edge_optimize FOLDER PARENT`` on a copy that
nobody else has open. It gives way to everything else on the machine and ends with its parent.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

from rag_service.adapters.edge_configuration import serving
from rag_service.adapters.edge_files import stored_dimension, sync_tree

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """The kernel kills this process when the thread that started it ends, whatever the engine is doing then."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def optimize(folder: Path) -> None:
    """The shard has its graphs, nothing deleted is left in its segments, and it was seen to load as whole as before."""
    import qdrant_edge

    everything, dimension = qdrant_edge.CountRequest(), stored_dimension(folder)
    shard = qdrant_edge.EdgeShard.load(str(folder), serving(dimension, search_threads=1))
    before = shard.count(everything)
    shard.optimize()
    shard.flush()
    shard.close()
    shard = qdrant_edge.EdgeShard.load(str(folder), serving(dimension, search_threads=1))
    after = shard.count(everything)
    shard.close()
    if after != before:
        raise RuntimeError("an optimized shard does not hold what it held before")
    sync_tree(folder)


def main() -> None:
    folder, parent = sys.argv[1:]
    end_with(int(parent))
    os.nice(19)  # its input and output come last too: the kernel derives their priority
    optimize(Path(folder))


if __name__ == "__main__":
    main()
