"""What every test shares: no way off this machine, and a real service in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
import pytest

MEMORY = Path("/dev/shm")  # noqa: S108  # pytest and tempfile make private folders there
if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 * 2**30:
    # Data folders are synced at every commit: in memory that costs no wait, and what is killed loses no more.
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None

OFFLINE = Path(__file__).parent / "offline"
sys.path.insert(0, str(OFFLINE))
os.environ["PYTHONPATH"] = os.pathsep.join([str(OFFLINE), *filter(None, [os.environ.get("PYTHONPATH")])])
if sys.modules.get("sitecustomize") is not None:
    del sys.modules["sitecustomize"]  # another one may have run at start; ours guards in its place
import sitecustomize  # noqa: E402, F401  # guards every socket from here on

from ingestion.batch import FileOutcome, FoundFile, Ingested, Intake, Watcher, ingest_files  # noqa: E402
from ingestion.crew import ingesting  # noqa: E402
from ingestion.stages import LocalStages  # noqa: E402
from ingestion.worker import Worker  # noqa: E402
from rag_service.domain.identity import Principal  # noqa: E402
from rag_service.settings import Settings, load_settings  # noqa: E402
from rag_service.wiring import Models, Service, open_service  # noqa: E402
from tests.databases import UNDER_TEST  # noqa: E402
from tests.postgresql import Postgres, address, running_postgres  # noqa: E402

T = TypeVar("T")

hypothesis.settings.register_profile("here", deadline=None)  # machines are shared: no example is wrong for being slow
hypothesis.settings.load_profile("here")


@pytest.fixture(scope="session", autouse=True)
def network_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The attempts to leave this machine, by this process and its children: there must be none in the whole run."""
    log = tmp_path_factory.mktemp("network") / "attempts"
    os.environ["RAG_TEST_NETWORK_LOG"] = str(log)
    yield log
    assert not log.exists(), f"something tried to leave this machine: {log.read_text(encoding='utf-8')}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--index",
        choices=("edge", "memory", "server"),
        default="edge",
        help="the vector index under the end-to-end tests; `server` is the adapter, over a double of Qdrant's REST",
    )
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="the database under the tests of the store and the end-to-end tests; `postgresql` is a real server",
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real server, whatever database is under test."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> Iterator[None]:
    """With ``--database postgresql``, the server is under test."""
    if request.config.getoption("--database") == "postgresql":
        UNDER_TEST.postgres = request.getfixturevalue("postgres")
    yield
    UNDER_TEST.postgres = None


@pytest.fixture(autouse=True)
def only_on_sqlite(request: pytest.FixtureRequest) -> None:
    """What is about the file itself is not asked of a server."""
    if request.node.get_closest_marker("sqlite") and request.config.getoption("--database") != "sqlite":
        pytest.skip("it is about the database's file")


@pytest.fixture(scope="session")
def index_settings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The variables that choose the index under test."""
    match request.config.getoption("--index"):
        case "server":
            from tests.doubles.qdrant_rest import qdrant_double

            with qdrant_double(tmp_path_factory.mktemp("qdrant")) as url:
                yield {"RAG_QDRANT_URL": url}
        case "memory":
            yield {"RAG_INDEX": "memory"}
        case _:
            yield {}


@pytest.fixture(autouse=True)
def no_settings_from_outside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, index_settings: dict[str, str], database_server: None
) -> Iterator[None]:
    """No variable of the developer's shell reaches a test, and no test the developer's key or another test's data."""
    for name in list(os.environ):
        if name.startswith("RAG_") and name not in {"RAG_TEST_NETWORK_LOG", "RAG_EVAL_DATA"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("RAG_MASTER_KEY_FILE", str(tmp_path / "keys" / "master.key"))
    monkeypatch.setenv("RAG_SECRETS_DIR", "")
    for name, value in index_settings.items():
        monkeypatch.setenv(name, value)
    if "RAG_QDRANT_URL" in index_settings:
        monkeypatch.setenv("RAG_QDRANT_PREFIX", f"t{secrets.token_hex(4)}_")
    if url := UNDER_TEST.url(tmp_path / "data"):
        monkeypatch.setenv("RAG_DATABASE_URL", address(url))
    yield
    UNDER_TEST.forget()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path / "data")


@pytest.fixture(scope="session")
def models() -> Models:
    """The real models, loaded once for all tests."""
    return Models(load_settings())


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Runs a coroutine to its end."""
    return asyncio.run


def written(folder: Path, files: dict[str, str]) -> list[Path]:
    """Files named by keyword: ``a_md`` becomes ``a.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / ".".join(name.rsplit("_", 1)) for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


@dataclass
class Company:
    """A tenant in a test, with the few things that tests do to one."""

    service: Service
    name: str

    async def ingest(self, folder: Path, **files: str) -> dict[str, FileOutcome]:
        """Ingests files named by keyword (``a_md="…"``), readable by everyone in the tenant."""
        return await self.ingest_for(["everyone"], folder, **files)

    async def ingest_for(self, allow: list[str], folder: Path, **files: str) -> dict[str, FileOutcome]:
        outcomes = await self.ingest_found([FoundFile(path, path.name) for path in written(folder, files)], allow)
        return {outcome.path.name: outcome for outcome in outcomes}

    async def ingest_found(self, files: list[FoundFile], allow: list[str]) -> list[FileOutcome]:
        """Ingests files by a worker whose stages run in this process."""
        async with self.worker_at_work():
            return await self.submit(files, allow)

    def worker_at_work(self) -> AbstractAsyncContextManager[Worker]:
        stages = LocalStages(self.service.embedder, self.service.detector)
        return ingesting(self.service, nullcontext(stages))

    async def submit(self, files: list[FoundFile], allow: list[str]) -> list[FileOutcome]:
        """The outcomes of files, once a worker was through with them."""
        tenant = await self.service.store.tenants.by_name(self.name)
        intake = Intake(tenant, "operator", None, [Principal.parse(entry) for entry in allow])
        return await ingest_files(files, intake, self.service.store, 2**26, Watcher(lambda *_: True))

    async def document_id(self, folder: Path, allow: list[str], **files: str) -> str:
        """Ingests one file and returns the id of its document."""
        [outcome] = (await self.ingest_for(allow, folder, **files)).values()
        assert isinstance(outcome.result, Ingested), outcome.result
        return outcome.result.document_id

    async def key(self, user: str, *groups: str) -> str:
        """An API key of a user who is in these groups."""
        from rag_service.authentication import operate
        from rag_service.domain.identity import Role

        tenant = await self.service.store.tenants.by_name(self.name)
        for group in groups:
            await self.service.store.groups.add(operate(tenant), tenant.keys, group, user)
        return (await self.service.store.api_keys.create(tenant, user, [Role.QUERY], None)).secret


@pytest.fixture
def open_companies(settings: Settings, models: Models) -> Callable[..., Any]:
    """Opens a service with one tenant a name: ``async with open_companies("acme", "bolt") as (acme, bolt)``."""

    @asynccontextmanager
    async def opened(*names: str, pii: str = "identifiers") -> AsyncIterator[list[Company]]:
        async with open_service(settings, models) as service:
            for name in names:
                await service.store.tenants.create(name, pii)
            yield [Company(service, name) for name in names]

    return opened
