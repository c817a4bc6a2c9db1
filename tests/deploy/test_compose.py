"""What docker-compose.yml starts: real commands and settings, secrets by file, and no more rights than are used.

No engine runs here. That the services work together is tried by hand where one is.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from deploy.make_secrets import make_secrets
from rag_service.settings import Settings, load_settings
from rag_service.store.postgresql import Server
from tests.deploy.files import ROOT, compose, parsed

COMPOSE = compose()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
ONE_SHOT = {"migrate"}
PORTS = {"postgres": 5432, "qdrant": 6333}


def _secrets(name: str) -> dict[str, str]:
    """Where a service finds each of its secrets."""
    found = {}
    for entry in SERVICES[name].get("secrets", []):
        source = entry if isinstance(entry, str) else entry["source"]
        found[source] = "/run/secrets/" + source if isinstance(entry, str) else entry["target"]
    return found


def test_every_part_is_there() -> None:
    assert set(SERVICES) == {"migrate", "api", "worker", "postgres", "qdrant"}
    assert OURS == ["api", "migrate", "worker"]


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_of_rags_with_options_that_it_takes(name: str) -> None:
    expected = {"migrate": "database upgrade", "api": "serve", "worker": "serve"}
    command, options = parsed(SERVICES[name]["command"])
    assert command == expected[name]
    if command == "serve":
        assert options["role"] == name


@pytest.mark.parametrize("name", OURS)
def test_each_variable_and_each_secret_is_a_setting_whose_value_is_taken(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_secrets(tmp_path / "secrets")
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    for source in _secrets(name):
        file = tmp_path / COMPOSE["secrets"][source]["file"]
        (mounted / source).write_bytes(file.read_bytes())
    variables = {key: value for key, value in SERVICES[name]["environment"].items() if value is not None}
    assert {key.removeprefix("RAG_").lower() for key in SERVICES[name]["environment"]} <= set(Settings.model_fields)
    for variable in ("RAG_QDRANT_URL", "RAG_DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in {**variables, "RAG_SECRETS_DIR": str(mounted)}.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings()
    given = {source.removeprefix("rag_") for source in _secrets(name)}
    assert given <= settings.model_fields_set
    for setting in given & {"database_url", "database_owner_url"}:
        url = getattr(settings, setting).get_secret_value()
        server = Server.at(setting, url, allows_plain=settings.database_plain).url
        assert (server.host, server.port) == ("postgres", PORTS["postgres"])
        assert server.database == SERVICES["postgres"]["environment"]["POSTGRES_DB"]


def test_what_an_operator_sets_in_env_reaches_the_services_that_it_is_for() -> None:
    handed_on = {
        name: {variable for variable, value in SERVICES[name]["environment"].items() if value is None} for name in OURS
    }
    provider = {"RAG_OIDC_ISSUER", "RAG_OIDC_AUDIENCE"}
    provider |= {f"RAG_{name.upper()}" for name in Settings.model_fields if re.fullmatch(r"oidc_\w+_claim", name)}
    assert len(provider) == 6
    assert handed_on == {
        "migrate": set(),
        "api": provider
        | {
            "RAG_TRUSTED_PROXIES",
            "RAG_LLM_BASE_URL",
            "RAG_LLM_PLAIN_HTTP",
            "RAG_LLM_MODEL",
            "RAG_TOKEN_S",
            "RAG_MAX_UPLOAD_MB",
        },
        "worker": {"RAG_WORKERS", "RAG_MAX_UPLOAD_MB"},
    }


def test_nobody_has_a_secret_that_it_does_not_need() -> None:
    assert {name: set(_secrets(name)) for name in SERVICES} == {
        "migrate": {"rag_database_owner_url", "rag_database_url"},
        "api": {"rag_database_url", "rag_master_key", "rag_qdrant_api_key"},
        "worker": {"rag_database_url", "rag_master_key"},
        "postgres": {"postgres_password"},
        "qdrant": {"qdrant_configuration"},
    }
    assert set(COMPOSE["secrets"]) == {source for name in SERVICES for source in _secrets(name)}


def test_no_secret_stands_in_the_file_or_in_an_environment() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert re.findall(r"://[^/\s]*@", text) == []
    assert re.findall(r"[0-9a-fA-F]{32,}", text) == []
    for service in SERVICES.values():
        assert "env_file" not in service
        for variable, value in service["environment"].items():
            if re.search(r"PASSWORD|SECRET|KEY|TOKEN(?!_S$)", variable):  # RAG_TOKEN_S is a number of seconds
                assert str(value).startswith("/run/secrets/"), variable
    password = SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"]
    assert password == _secrets("postgres")["postgres_password"]


def test_the_secrets_that_are_made_are_those_that_are_named_and_fit_together(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    made = make_secrets(folder)
    assert sorted(made) == sorted(Path(entry["file"]).name for entry in COMPOSE["secrets"].values())
    assert {Path(entry["file"]).parent.name for entry in COMPOSE["secrets"].values()} == {"secrets"}
    text = {name: (folder / name).read_text(encoding="ascii").strip() for name in made}
    owner = SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    assert f"//{owner}:{text['postgres_password.txt']}@" in text["rag_database_owner_url.txt"]
    assert owner not in text["rag_database_url.txt"]
    assert text["postgres_password.txt"] not in text["rag_database_url.txt"]
    assert text["qdrant_configuration.yaml"].endswith(f"api_key: {text['rag_qdrant_api_key.txt']}")
    assert len(set(text.values())) == len(text)


def test_secrets_are_made_once_behind_a_folder_for_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o755)
    make_secrets(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    # Containers run as users of their own, and Compose mounts the files with the mode that they have here.
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o444}
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert make_secrets(folder) == []
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    (folder / "postgres_password.txt").unlink()
    with pytest.raises(FileExistsError):
        make_secrets(folder)
    assert not (folder / "postgres_password.txt").exists()


def test_git_and_the_image_never_take_the_secrets() -> None:
    assert "/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "**/secrets" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_nothing_is_published_but_the_api_and_that_on_the_loopback() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "api": ["${RAG_PUBLISH:-127.0.0.1:8000}:8000"]
    }
    assert [name for name, service in SERVICES.items() if "network_mode" in service] == []


def test_only_the_api_reaches_beyond_this_machine_and_each_part_only_those_that_it_asks() -> None:
    assert {name: set(service["networks"]) for name, service in SERVICES.items()} == {
        "migrate": {"database"},
        "api": {"database", "index", "front"},
        "worker": {"database"},
        "postgres": {"database"},
        "qdrant": {"index"},
    }
    inner = {name for name, network in COMPOSE["networks"].items() if network.get("internal")}
    assert inner == {"database", "index"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "ipc", "devices", "userns_mode"} & set(service)
    assert int(service["user"].partition(":")[0]) > 0
    assert {"cpus", "memory", "pids"} == set(service["deploy"]["resources"]["limits"])
    for mount in service["tmpfs"]:
        assert {"noexec", "nosuid", "nodev"} <= set(mount.partition(":")[2].split(","))
    assert not any(volume.startswith((".", "/")) for volume in service.get("volumes", []))
    assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_service_tells_whether_it_is_well_or_ends(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    if name in ONE_SHOT:
        assert check == {"disable": True}
        assert SERVICES[name]["restart"] == "no"
    else:
        assert check["test"][0] == "CMD"
        assert {"interval", "timeout", "start_period", "retries"} < set(check)


def test_everything_waits_for_what_it_needs() -> None:
    waits = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in SERVICES.items()
    }
    well, done = "service_healthy", "service_completed_successfully"
    assert waits == {
        "migrate": {"postgres": well},
        "api": {"migrate": done, "postgres": well, "qdrant": well},
        "worker": {"migrate": done, "postgres": well},
        "postgres": {},
        "qdrant": {},
    }


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(OURS)))
def test_images_of_others_are_pinned(name: str) -> None:
    assert re.search(r":v?\d[\w.-]*$", SERVICES[name]["image"])
    if name == "qdrant":
        version = re.search(r":v(\d+)\.(\d+)\.\d+", SERVICES[name]["image"])
        assert version is not None
        assert tuple(map(int, version.groups())) >= (1, 19)
