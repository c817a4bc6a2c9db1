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


def test_a_setting_that_does_not_exist_is_called_so(config: Path) -> None:
    config.write_text("thread = 3\n", encoding="utf-8")
    with pytest.raises(InvalidSetting) as refusal:
        load_settings()
    assert refusal.value.detail == "there is no such setting"


@pytest.mark.parametrize("value", ["proxy.example", "10.0.0.1/8"])
def test_proxies_that_are_no_networks_are_refused_with_an_example(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_TRUSTED_PROXIES", value)
    with pytest.raises(InvalidSetting) as refusal:
        load_settings()
    assert refusal.value.detail.startswith("write networks such as 10.0.0.5")
    assert value in refusal.value.detail


@pytest.mark.parametrize("name", ["AUDIENCE", "JWKS_URL", "TENANT_CLAIM", "USER_CLAIM", "GROUPS_CLAIM", "ROLES_CLAIM"])
def test_what_describes_a_provider_is_refused_without_its_issuer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"RAG_OIDC_{name}", "tenant")
    with pytest.raises(InvalidSetting, match=name) as refusal:
        load_settings()
    assert refusal.value.setting == "RAG_OIDC_ISSUER"
    monkeypatch.setenv("RAG_OIDC_ISSUER", "https://login.example.com")
    load_settings()


@pytest.fixture
def secrets_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that ``RAG_SECRETS_DIR`` names."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setenv("RAG_SECRETS_DIR", str(folder))
    return folder


def test_a_file_of_a_settings_name_holds_its_value(secrets_folder: Path) -> None:
    (secrets_folder / "rag_qdrant_api_key").write_text("from-file\n", encoding="utf-8")
    (secrets_folder / "postgres_password").write_text("another's", encoding="utf-8")
    settings = load_settings()
    assert settings.qdrant_api_key is not None
    assert settings.qdrant_api_key.get_secret_value() == "from-file"
    assert "from-file" not in repr(settings)


def test_a_variable_wins_over_a_secrets_file_and_that_over_the_toml_file(
    config: Path, secrets_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("threads = 3\npassages = 3\nqueue_mb = 3\n", encoding="utf-8")
    (secrets_folder / "rag_threads").write_text("4", encoding="utf-8")
    (secrets_folder / "rag_passages").write_text("4", encoding="utf-8")
    monkeypatch.setenv("RAG_THREADS", "5")
    settings = load_settings()
    assert (settings.threads, settings.passages, settings.queue_mb) == (5, 4, 3)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe", b"x" * 70_000])
def test_a_secrets_file_without_a_value_is_refused_and_never_taken_for_no_secret(
    content: bytes, secrets_folder: Path
) -> None:
    (secrets_folder / "rag_qdrant_api_key").write_bytes(content)
    with pytest.raises(InvalidSetting) as refusal:
        load_settings()
    assert refusal.value.setting == "RAG_QDRANT_API_KEY"


@pytest.mark.parametrize("name", ["rag_qdrant_apikey", "rag_master_key"])
def test_a_secrets_file_that_names_no_setting_or_is_no_file_is_refused(name: str, secrets_folder: Path) -> None:
    if name == "rag_master_key":
        (secrets_folder / name).mkdir()
    else:
        (secrets_folder / name).write_text("mistyped", encoding="utf-8")
    with pytest.raises(InvalidSetting) as refusal:
        load_settings()
    assert refusal.value.setting == name.upper()
    assert str(secrets_folder / name) in refusal.value.detail
    assert ("no such setting" in refusal.value.detail) == (name == "rag_qdrant_apikey")


def test_a_secrets_folder_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAG_SECRETS_DIR", str(tmp_path / "absent"))
    with pytest.raises(InvalidSetting) as refusal:
        load_settings()
    assert refusal.value.setting == "RAG_SECRETS_DIR"


def test_without_a_named_folder_secrets_come_from_where_container_engines_mount_them(
    secrets_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets_folder / "rag_threads").write_text("7", encoding="utf-8")
    monkeypatch.setattr("rag_service.secret_files.MOUNTED", secrets_folder)
    monkeypatch.delenv("RAG_SECRETS_DIR")
    assert load_settings().threads == 7
    monkeypatch.setenv("RAG_SECRETS_DIR", "")
    assert load_settings().threads == 2
    monkeypatch.delenv("RAG_SECRETS_DIR")
    monkeypatch.setattr("rag_service.secret_files.MOUNTED", secrets_folder / "absent")
    assert load_settings().threads == 2
