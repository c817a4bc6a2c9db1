"""Prints ``requirements.lock`` without the packages that the image leaves out.

    python deploy/runtime_lock.py requirements.lock deploy/left-out.txt > runtime.lock

What is left out is named in ``left-out.txt``, one package a line. A name there that the lock does not hold ends this
with an error, so that the list cannot go stale unseen.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_BEGINS = re.compile(r"^([a-z0-9][\w.-]*)==", re.MULTILINE)


def left_out(text: str) -> set[str]:
    """The names in a list with comments.

    >>> sorted(left_out("# why\\nmypy\\n\\nonnx  # exports"))
    ['mypy', 'onnx']
    """
    return {line.partition("#")[0].strip() for line in text.splitlines()} - {""}


def reduced(lock: str, names: set[str]) -> str:
    """The lock without the requirements of these names, each with its hashes.

    >>> reduced("a==1 \\\\\\n    --hash=x\\nb==2 \\\\\\n    --hash=y\\n", {"a"})
    'b==2 \\\\\\n    --hash=y\\n'
    """
    found = {match[1]: match.start() for match in _BEGINS.finditer(lock)}
    if unknown := names - found.keys():
        raise ValueError(f"the lock holds no {', '.join(sorted(unknown))}")
    ends = [*list(found.values())[1:], len(lock)]
    return "".join(lock[begin:end] for (name, begin), end in zip(found.items(), ends, strict=True) if name not in names)


if __name__ == "__main__":
    lock, names = (Path(argument).read_text(encoding="utf-8") for argument in sys.argv[1:])
    sys.stdout.write(reduced(lock, left_out(names)))
