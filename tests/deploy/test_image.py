"""What the Dockerfile makes: pinned, without torch and tools, for a user who is not root, with nothing secret in it."""

from __future__ import annotations

import http.server
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from deploy.healthy import api_answers, worker_works
from deploy.runtime_lock import left_out, reduced
from rag_service.adapters.embedders import load_embedder
from rag_service.crypto.master_key import read_or_create_master_key
from rag_service.domain.errors import InvalidSetting
from rag_service.folder import QUEUE_LOCK
from rag_service.settings import Settings, load_settings
from tests.deploy.files import ROOT, instructions, parsed

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
DOCKERFILE = instructions(TEXT)
LAST = max(one.stage for one in DOCKERFILE)
FINAL = [one for one in DOCKERFILE if one.stage == LAST]
LEFT_OUT = left_out((ROOT / "deploy/left-out.txt").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
NOT_IMPORTED_WHEN_SERVING = {"sentence-transformers", "transformers", "numba"}
"""Dependencies, ours or a library's, that no code reaches in the image. What only these need is left out too."""
SECRETS = ["secrets", "rag-data", ".env", "*.key", "*.pem", "*.db"]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _needed(roots: list[str]) -> set[str]:
    """Packages that these need here, with what those need, but for what is not imported."""
    found: dict[str, set[str]] = {}
    waiting = [Requirement(root) for root in roots]
    while waiting:
        one = waiting.pop()
        name, extras = _canonical(one.name), {"", *one.extras}
        if name in NOT_IMPORTED_WHEN_SERVING or extras <= found.get(name, set()):
            continue
        found[name] = found.get(name, set()) | extras
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        waiting += [
            required
            for required in map(Requirement, requires)
            if required.marker is None or any(required.marker.evaluate({"extra": extra}) for extra in extras)
        ]
    return set(found)


def test_the_image_holds_what_is_imported_and_nothing_else_of_the_lock() -> None:
    locked = set(re.findall(r"^([a-z0-9][\w.-]*)==", LOCK, re.MULTILINE))
    assert locked - _needed(PROJECT["dependencies"]) == LEFT_OUT


def test_the_reduced_lock_keeps_version_and_hashes_of_the_rest() -> None:
    rest = reduced(LOCK, LEFT_OUT)
    kept = dict(re.findall(r"^([a-z0-9][\w.-]*)(==\S+ (?:\\\n +--hash=\S+ ?)+)", rest, re.MULTILINE))
    whole = dict(re.findall(r"^([a-z0-9][\w.-]*)(==\S+ (?:\\\n +--hash=\S+ ?)+)", LOCK, re.MULTILINE))
    assert kept == {name: text for name, text in whole.items() if name not in LEFT_OUT}
    with pytest.raises(ValueError, match="no-such-package"):
        reduced(LOCK, {"no-such-package"})


def test_no_module_imports_torch_and_its_like_but_where_the_network_is_made() -> None:
    made = {"rag_service/adapters/prepare_onnx.py", "rag_service/adapters/torch_embedder.py"}
    fitted = {"eval/name_gate.py"}  # a command that nothing imports
    pattern = re.compile(r"^\s*(?:import|from) (?:torch|transformers|sentence_transformers|numba)\b", re.MULTILINE)
    sources = [path for package in ("rag_service", "ingestion", "eval") for path in (ROOT / package).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in sources if pattern.search(path.read_text(encoding="utf-8"))}
    assert found == made | fitted


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"embedding_backend": "torch"}, "RAG_EMBEDDING_BACKEND"),
        ({"embedding_model": "/models/mine"}, "RAG_EMBEDDING_MODEL"),
    ],
)
def test_without_torch_a_setting_that_needs_it_is_named(
    variables: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag_service.adapters.embedders.find_spec", lambda _: None)
    with pytest.raises(InvalidSetting) as refusal:
        load_embedder(load_settings(**variables))
    assert refusal.value.setting == named


def test_a_key_is_not_made_where_the_image_expects_one_from_outside(tmp_path: Path) -> None:
    nowhere = Path("/proc/secrets/rag_master_key")  # where not even root can make a folder
    settings = load_settings(data_dir=tmp_path / "data", master_key_file=nowhere)
    with pytest.raises(InvalidSetting) as refusal:
        read_or_create_master_key(settings)
    assert refusal.value.setting == "RAG_MASTER_KEY_FILE"


def test_the_final_stage_runs_as_a_numbered_user_who_is_not_root() -> None:
    users = [one.rest for one in FINAL if one.word == "USER"]
    assert users == ["10001:10001"]
    words = [one.word for one in FINAL]
    assert "RUN" not in words[words.index("USER") :]
    assert {"HEALTHCHECK", "STOPSIGNAL", "LABEL", "ENTRYPOINT", "CMD"} <= set(words)


def test_the_final_stage_takes_the_environment_the_network_and_the_health_check_alone() -> None:
    assert [one.rest for one in FINAL if one.word in {"COPY", "ADD"}] == [
        "--from=libraries /opt/rag /opt/rag",
        "--from=workshop /cache /opt/rag/cache",
        "deploy/healthy.py /opt/rag/healthy.py",
    ]


def test_base_images_and_tools_are_pinned_as_make_setup_pins_them() -> None:
    argument = next(one.rest for one in DOCKERFILE if one.word == "ARG")
    assert re.fullmatch(r"PYTHON=python:3\.11\.\d+-slim-\w+", argument)
    assert {one.rest.partition(" AS ")[0] for one in DOCKERFILE if one.word == "FROM"} == {"${PYTHON}", "python"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    torch = re.search(r"^TORCH \?= (\S+)$", makefile, re.MULTILINE)
    assert torch is not None
    assert f"ARG TORCH={torch[1]}\n" in TEXT
    for one in DOCKERFILE:
        if "requirements.lock" in one.rest and "install" in one.rest:
            assert "--require-hashes --no-deps" in one.rest


def test_the_command_and_the_variables_are_real() -> None:
    entry, command = (next(one.words for one in FINAL if one.word == word) for word in ("ENTRYPOINT", "CMD"))
    assert entry == ["rag"]
    assert parsed(command)[0] == "serve"
    variables = re.findall(r"\bRAG_([A-Z_]+)=", " ".join(one.rest for one in FINAL if one.word == "ENV"))
    assert {name.lower() for name in variables} <= set(Settings.model_fields)


def _copied() -> list[str]:
    """What the build takes out of the checkout."""
    plain = [one for one in DOCKERFILE if one.word in {"COPY", "ADD"} and not one.rest.startswith("--from=")]
    return [source for one in plain for source in one.words[:-1]]


def _rules() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _entering() -> list[Path]:
    """The files of this checkout that a build would be sent, below what is let in by name."""
    closed = [rule.removeprefix("**/") for rule in _rules() if rule.startswith("**/")]
    roots = [ROOT / rule[1:] for rule in _rules() if rule.startswith("!")]
    files = [path for root in roots for path in (root.rglob("*") if root.is_dir() else [root]) if path.is_file()]
    return [
        path
        for path in files
        if not any(fnmatchcase(part, rule) for part in path.relative_to(ROOT).parts for rule in closed)
    ]


def test_what_is_copied_exists_and_nothing_else_is_let_in() -> None:
    assert _rules()[0] == "*"
    assert sorted(rule[1:] for rule in _rules() if rule.startswith("!")) == sorted(set(_copied()))
    assert [source for source in _copied() if not (ROOT / source).exists()] == []
    assert set(SECRETS) <= {rule.removeprefix("**/") for rule in _rules()}, "folders that are let in may hold them too"


def test_no_file_that_enters_the_image_is_a_key_or_data() -> None:
    files = _entering()
    assert len(files) > 100
    private = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]{40}|\brag_[0-9a-f]{16}_[\w-]{43}\b")
    assert [path for path in files if private.search(path.read_bytes())] == []


class _Answer(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        """Says whether it is ready."""
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Nothing is logged."""


@contextmanager
def _answering(status: int) -> Iterator[str]:
    handler = type("Answer", (_Answer,), {"status": status})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/readyz"
        server.shutdown()


def test_the_api_is_well_while_it_says_that_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with _answering(200) as address:
        assert api_answers(address)
    assert not api_answers(address)
    with _answering(503) as address:
        assert not api_answers(address)


_HOLDS = """
import fcntl, sys
lock = open(sys.argv[1], "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
input()
"""


def test_a_worker_is_well_while_it_holds_the_queue(tmp_path: Path) -> None:
    assert not worker_works(tmp_path)
    lock = tmp_path / QUEUE_LOCK
    with subprocess.Popen(
        [sys.executable, "-S", "-c", _HOLDS, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert worker_works(tmp_path)
        holder.communicate("")
    assert not worker_works(tmp_path)
