"""Where settings come from, and what is refused. That each is documented is tested with the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag_service.domain.errors import InvalidSetting
from rag_service.settings import load_settings


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that ``RAG_CONFIG`` names."""
    path = tmp_path / "rag.toml"
    monkeypatch.setenv("RAG_CONFIG", str(path))
    return path


def test_a_variable_wins_over_the_file_and_an_option_over_both(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('threads = 3\npassages = 4\ndata_dir = "from-file"\n', encoding="utf-8")
    monkeypatch.setenv("RAG_PASSAGES", "5")
    monkeypatch.setenv("RAG_DATA_DIR", "from-variable")
    settings = load_settings(data_dir=Path("from-option"))
    assert (settings.threads, settings.passages, settings.data_dir) == (3, 5, Path("from-option"))


@pytest.mark.parametrize(
    ("text", "named"),
    [("thread = 3\n", "RAG_THREAD"), ("threads = 0\n", "RAG_THREADS"), ('index = "disk"\n', "RAG_INDEX")],
)
def test_what_cannot_be_used_is_named(text: str, named: str, config: Path) -> None:
    config.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidSetting) as refusal:
        load_settings()
    assert refusal.value.setting == named


def test_a_file_that_is_not_there_is_refused(config: Path) -> None:
    with pytest.raises(InvalidSetting) as refusal:
        load_settings()
    assert refusal.value.setting == "RAG_CONFIG"


def test_a_file_that_is_no_toml_is_refused(config: Path) -> None:
    config.write_text("threads: 3\n", encoding="utf-8")
    with pytest.raises(InvalidSetting) as refusal:
        load_settings()
    assert refusal.value.setting == "RAG_CONFIG"


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_MASTER_KEY", "zz-not-a-key")
    monkeypatch.setenv("RAG_LLM_API_KEY", "sk-very-secret")
    assert "zz-not-a-key" not in repr(load_settings())
    assert "sk-very-secret" not in repr(load_settings())
