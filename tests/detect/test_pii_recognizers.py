"""Recognizers that an installation adds: what they find, and which are refused."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rag_service.detect.pii import PiiDetector
from rag_service.detect.recognizers import load_recognizers, read_recognizers
from rag_service.domain.errors import InvalidSetting

FILE = rb"""
[[recognizer]]
name = "employee_number"
pattern = '\bEMP-[0-9]{6}\b'

[[recognizer]]
name = "member"
kind = "us_driver_license"
pattern = '\b[0-9]{8}\b'
context = ["member", "membership number"]
needs_context = true
"""


def test_a_recognizer_finds_its_kind_and_only_beside_its_words_where_it_needs_them() -> None:
    detector = PiiDetector(read_recognizers(FILE))
    kinds = frozenset({"custom", "us_driver_license"})
    text = f"EMP-004711 has 12345678 parts. {'It is so. ' * 9}His membership number: 87654321."
    found = [(one.kind, text[one.start : one.end]) for one in detector.detect(text, kinds)]
    assert found == [("custom", "EMP-004711"), ("us_driver_license", "87654321")]
    assert [one.kind for one in detector.detect(text, frozenset({"custom"}))] == ["custom"]


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$", "a*", "[a-z]{1,}", r"(\w)\1", "(a{0,20}){0,20}b", "a{0,100}a{0,100}b", "(a|a|a){10}b", "(", "",
        "x" * 600,
        r"(?:\w{1,9}\s){1,9}x", "(?P<q>a)(?(q)b|c)",
    ],
)  # fmt: skip
def test_a_pattern_that_a_document_could_make_slow_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidSetting, match="RAG_RECOGNIZERS: recognizer 1"):
        read_recognizers(f"[[recognizer]]\nname = 'slow'\npattern = '{pattern}'".encode())


@pytest.mark.parametrize(
    "row",
    [
        "pattern = 'a'", "name = 'a b'\npattern = 'a'", "name = 'ab'\npattern = 'a'\nkind = 'shoe_size'",
        "name = 'ab'\npattern = 'a'\nscore = 2", "name = 'ab'\npattern = 'a'\nneeds_context = true",
        "name = 'ab'\npattern = 'a'\ncontext = [1]", "name = 'ab'\npattern = 'a'\ncolour = 1",
        "name = 'ab'\npattern = 1",
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_refused(row: str) -> None:
    with pytest.raises(InvalidSetting):
        read_recognizers(f"[[recognizer]]\n{row}".encode())


def test_a_file_that_cannot_be_used_is_refused_and_none_is_none(tmp_path: Path) -> None:
    assert load_recognizers(None) == (b"", ())
    misspelled = FILE.replace(b"[[recognizer]]", b"[[recogniser]]")
    for content in (b"\xff", b"[[", b"recognizer = 1", misspelled, FILE + FILE, b"#" * 70_000):
        (tmp_path / "r.toml").write_bytes(content)
        with pytest.raises(InvalidSetting):
            load_recognizers(tmp_path / "r.toml")
    with pytest.raises(InvalidSetting, match="cannot be read"):
        load_recognizers(tmp_path / "none.toml")


@pytest.mark.parametrize("pattern", [r"\d{1,9}-?\d{1,9}x", "(?:ab|a){1,6}c", r"\b[a-z]{0,150}[0-9]{3}\b"])
def test_what_is_taken_takes_time_that_grows_no_faster_than_the_text(pattern: str) -> None:
    (one,) = read_recognizers(f"[[recognizer]]\nname = 'taken'\npattern = '{pattern}'".encode())

    def seconds(length: int) -> float:
        started = time.process_time()
        for unit in ("1", "ab", "a", "1-"):
            list(one.find(unit * (length // len(unit))))
        return time.process_time() - started

    assert seconds(80_000) < 30 * max(seconds(10_000), 0.005)
