"""RTF before it is parsed: the objects that it embeds, and what it would fetch."""

from __future__ import annotations

import re

from ingestion.inspection import active
from ingestion.inspection.office import found_in_ole
from ingestion.inspection.programs import is_program, refuse_test_file

_OBJECT = re.compile(rb"\\objdata\b ?")
_BINARY = re.compile(rb"\\bin(\d{1,10}) ?")
_NO_DIGIT = re.compile(rb"\\[a-zA-Z]{1,32}-?\d{0,10} ?|[^0-9A-Fa-f{}\\]+|[{}\\]")
_FETCHED = re.compile(rb"\\template\b|INCLUDEPICTURE|INCLUDETEXT|\bDDE(?:AUTO)?\b")
_MOST, _LONGEST = 100, 16 * 2**20


def found_in_rtf(content: bytes) -> set[str]:
    """The kinds of active content in the file. Raises ``Refused`` with ``malware_test_file``."""
    kinds = {"external_reference"} if _FETCHED.search(content) else set()
    for number, match in enumerate(_OBJECT.finditer(content)):
        kinds.add("embedded_object")
        if number == _MOST:  # so many are made to wear a search out
            return kinds | {active.EXECUTABLE}
        embedded = _bytes_of(content, match.end())
        refuse_test_file(embedded)
        kinds |= found_in_ole(embedded)
        if is_program(embedded):
            kinds.add(active.EXECUTABLE)
    return kinds


def _bytes_of(content: bytes, start: int) -> bytes:
    """What an object is made of: digits up to the end of its group, whatever stands between them, or bytes as such."""
    end = content.find(b"}", start, start + _LONGEST)
    raw = content[start : end if end >= 0 else start + _LONGEST]
    if binary := _BINARY.match(content, start):
        return content[binary.end() : binary.end() + min(int(binary.group(1)), _LONGEST)]
    digits = _NO_DIGIT.sub(b"", raw)
    return bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
