"""What a folder holds is told as it is at one moment, and nothing in it is waited for or followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingestion.scan import folder_at, read, scan
from rag_service.domain.errors import InvalidRequest, Refused


def test_a_file_is_read_as_it_was_at_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.md"
    path.write_text("begin", encoding="utf-8")
    writes = iter(["begin and end"])
    asked = os.fstat

    def written_to(handle: int) -> os.stat_result:
        answer = asked(handle)
        if text := next(writes, None):
            path.write_text(text, encoding="utf-8")
        return answer

    monkeypatch.setattr(os, "fstat", written_to)
    assert read(path, 100) == b"begin and end"
    writes = (f"{number} written again and again" for number in range(100))
    with pytest.raises(Refused, match="changed_meanwhile"):
        read(path, 100)


def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("large")
    for name, reason in (
        ("pipe", "not_a_file"),
        ("large", "too_large"),
        ("link", "symbolic_link"),
        ("no", "unreadable"),
    ):
        with pytest.raises(Refused) as refusal:
            read(tmp_path / name, 4)
        assert refusal.value.reason == reason
    assert read(tmp_path / "large", 5) == b"12345"


def test_a_scan_leaves_out_the_services_own_data_and_names_what_is_no_text(tmp_path: Path) -> None:
    for name in (b"a.md", b"caf\xe9.md", b"data/rag.db", b"sub/data/b.md"):
        path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))  # noqa: PTH118  # bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"text")
    seen = scan(folder_at(tmp_path, "docs:"), tmp_path / "data")
    assert [file.source for file in seen.files] == ["docs:/a.md", "docs:/sub/data/b.md"]
    assert [refusal.reason for refusal in seen.refused.values()] == ["unreadable_name"]


def test_a_folder_is_known_by_where_it_lies_or_by_its_source(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "link").symlink_to("docs")
    real = str((tmp_path / "docs").resolve())
    assert folder_at(tmp_path / "docs", None).base == folder_at(tmp_path / "link", None).base == real
    assert folder_at(tmp_path / "docs", "handbook:/").base == folder_at(tmp_path, "handbook:").base == "handbook:"
    for path, source in ((tmp_path, "/"), (tmp_path, "a\udcff"), (tmp_path / "caf\udce9", "handbook:")):
        with pytest.raises(InvalidRequest):
            folder_at(path, source)
