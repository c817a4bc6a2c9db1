"""A folder and the database beside it: neither is taken for another's, and what is wrong with either is said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from rag_service.domain.errors import DatabaseUnavailable, InvalidSetting
from rag_service.folder import open_folder
from rag_service.settings import load_settings
from rag_service.store.migrate import upgrade_postgresql
from rag_service.store.postgresql import reason
from rag_service.store.tables import SECURED
from tests.postgresql import Postgres, address, server
from tests.rag import Rag


@pytest.fixture
def url(postgres: Postgres) -> Iterator[URL]:
    url = postgres.fresh()
    yield url
    postgres.take_back(url)


def opened(folder: Path, url: URL | None) -> str:
    found = load_settings(data_dir=folder, master_key="ab" * 32, database_url=url and address(url))
    return asyncio.run(open_folder(found)).id


@pytest.mark.sqlite
def test_a_folder_with_tables_of_its_own_is_not_put_beside_a_database(tmp_path: Path, url: URL) -> None:
    opened(tmp_path, None)
    with pytest.raises(InvalidSetting, match="tables of its own"):
        opened(tmp_path, url)


@pytest.mark.sqlite
def test_a_folder_whose_tables_are_on_a_server_gets_none_of_its_own(tmp_path: Path, url: URL) -> None:
    opened(tmp_path, url)
    with pytest.raises(InvalidSetting, match=r"RAG_DATABASE_URL.*in PostgreSQL: set it"):
        opened(tmp_path, None)
    assert not (tmp_path / "rag.db").exists()


def test_a_folder_beside_one_database_is_not_taken_to_another(tmp_path: Path, postgres: Postgres, url: URL) -> None:
    other = postgres.fresh()
    first = opened(tmp_path, url)
    assert (tmp_path / "beside-database").stat().st_mode & 0o777 == 0o600
    with pytest.raises(InvalidSetting, match="stands beside another database"):
        opened(tmp_path, other)
    assert opened(tmp_path, url) == first
    postgres.take_back(other)


def test_an_owner_of_another_database_upgrades_none(postgres: Postgres, url: URL) -> None:
    with pytest.raises(InvalidSetting, match="another database"):
        upgrade_postgresql(postgres.url("postgres", as_owner=True), url)


def test_an_owners_address_alone_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAG_DATABASE_URL", raising=False)
    monkeypatch.setenv("RAG_DATABASE_OWNER_URL", "postgresql://owner:hidden@127.0.0.1/rag")
    ended = Rag(tmp_path / "data").run("database", "upgrade")
    assert ended.returncode == 1
    assert "RAG_DATABASE_URL: it names the service's role" in ended.stderr
    assert "hidden" not in ended.stderr


def test_what_is_wrong_with_a_server_is_told_apart(postgres: Postgres, url: URL) -> None:
    wrong = {
        "no such database": url.set(database="nowhere"),
        "no such role": url.set(username="nobody_at_all"),
        "nothing listens": URL.create("postgresql", "u", "hidden", "127.0.0.1", 9, "rag"),
    }
    for told, place in wrong.items():
        with pytest.raises(DatabaseUnavailable, match=told) as refusal:
            server(place).examine(SECURED)
        assert "hidden" not in str(refusal.value)
    assert postgres.folder.exists()


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ('connection failed: FATAL:  password authentication failed for user "ann"', "it refuses the password"),
        ("server does not support SSL, but SSL was required", "it offers no TLS"),
        ('root certificate file "x" is gone', "its certificate, or the file to check it with, is not good"),
        ("something else about secret-value", "OperationalError"),
    ],
)
def test_the_drivers_words_are_told_in_ours(theirs: str, ours: str) -> None:
    assert reason(psycopg.OperationalError(theirs)) == ours
