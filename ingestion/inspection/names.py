"""Names that files and members of archives carry: data, never a path that is opened."""

from __future__ import annotations

import re

from rag_service.domain.errors import Refused

MOST_PART_BYTES = 255
MOST_BYTES = 4096
"""What file systems take: a longer name was made by hand."""

_MISLEADING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, and those that turn the direction of what follows: ``exe.fdp`` then reads ``pdf.exe``."""

_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:")


def check_name(name: str) -> None:
    """The name reads as what it is. Raises ``Refused`` with ``unsafe_name``.

    Names that Windows reserves, such as ``aux.txt``, pass: no name is used as a path here.

    >>> check_name("docs/aux.txt")
    """
    if _MISLEADING.search(name):
        raise Refused("unsafe_name", "The name holds control or bidirectional characters; rename it.")
    parts = re.split(r"[/\\]", name)
    if len(name.encode()) > MOST_BYTES or any(len(part.encode()) > MOST_PART_BYTES for part in parts):
        raise Refused("unsafe_name", f"The name is longer than {MOST_PART_BYTES} bytes; rename it.")


def check_member_name(name: str) -> None:
    """A member of an archive lies below the archive, under a name that reads as what it is.

    Raises:
        Refused: ``unsafe_path`` for an absolute path or one that leads upwards, ``unsafe_name`` as above.

    >>> check_member_name("a/../../etc/passwd")
    Traceback (most recent call last):
    rag_service.domain.errors.requests.Refused: unsafe_path: The name leads out of the archive.
    """
    check_name(name)
    if _ABSOLUTE.match(name) or ".." in re.split(r"[/\\]", name):
        raise Refused("unsafe_path", "The name leads out of the archive.")
