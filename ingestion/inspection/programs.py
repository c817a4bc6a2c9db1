"""Programs, and the test file of virus scanners, by their bytes."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable

from rag_service.domain.errors import Refused

_TEST_FILE = b"X5O!P%@AP[4" + rb"\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
"""In pieces, so that no scanner takes this module for it (https://www.eicar.org/download-anti-malware-testfile/)."""

_TEST_FILES = tuple(_TEST_FILE.decode().encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))
_WORDS = "EICAR-STANDARD-"
LONGEST = max(map(len, _TEST_FILES))

_PROGRAMS = (
    b"\x7fELF", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe",
    b"L\x00\x00\x00\x01\x14\x02\x00", b"#!/", b"#! /", b"@echo off", b"dex\n035",
)  # fmt: skip
"""ELF, Mach-O, a Windows shortcut, scripts, Android."""

_PROGRAM_NAME = re.compile(
    rb"\.(?:exe|dll|scr|com|pif|bat|cmd|ps1|vbs|vbe|jse|wsf|wsh|hta|lnk|msi|msp|cpl|jar|chm|reg|sct|application)\Z",
    re.IGNORECASE,
)
_PACKAGED_NAME = re.compile(
    _PROGRAM_NAME.pattern.removesuffix(rb"\Z").replace(b"|com|", b"|") + rb"\x00", re.IGNORECASE
)
"""Without ``.com``: in a container, that is how addresses of mail and sites end."""

_MOST_MARKS = 5000


def refuse_test_file(content: bytes) -> None:
    """The content is not, and does not hold, the test file of virus scanners. Raises ``Refused``."""
    if any(one in content for one in _TEST_FILES):
        raise Refused("malware_test_file", "The file holds the EICAR test file, which stands for malware.")


def refuse_test_text(texts: Iterable[str]) -> None:
    """No text that was read from a file, however it was packed there, is the same. Raises ``Refused``."""
    for text in texts:
        if _WORDS in text:
            refuse_test_file(text.encode("utf-8", "replace"))


def is_program(content: bytes) -> bool:
    """Whether this is a program or script that a machine would run.

    >>> is_program(b"#!/bin/sh"), is_program(b"MZ begins this sentence")
    (True, False)
    """
    return content.startswith(_PROGRAMS) or _is_portable_executable(content, 0)


def is_program_file(content: bytes) -> bool:
    """Whether this is a program for Windows: scripts are text, and others have marks of their own."""
    return _is_portable_executable(content, 0)


def is_program_name(name: str) -> bool:
    """Whether Windows would run a file of this name."""
    return _PROGRAM_NAME.search(name.encode("utf-8", "replace")) is not None


def holds_program(content: bytes) -> bool:
    """Whether a program stands anywhere in the bytes, as in an OLE container, or a name that says so."""
    if b"\x7fELF\x01\x01\x01" in content or b"\x7fELF\x02\x01\x01" in content or _PACKAGED_NAME.search(content):
        return True
    at = content.find(b"MZ")
    for _ in range(_MOST_MARKS):
        if at < 0:
            return False
        if _is_portable_executable(content, at):
            return True
        at = content.find(b"MZ", at + 2)
    return True  # so many marks are made to wear a search out


def _is_portable_executable(content: bytes, at: int) -> bool:
    if content[at : at + 2] != b"MZ" or len(content) < at + 64:
        return False
    (header,) = struct.unpack_from("<L", content, at + 60)
    return content[at + header : at + header + 4] == b"PE\x00\x00"
