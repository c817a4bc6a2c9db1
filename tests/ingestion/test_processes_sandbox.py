"""What a taken-over parser can reach: a child enters the product's sandbox and then tries."""

from __future__ import annotations

import asyncio
import json
import os
import struct
from pathlib import Path

import pytest

from ingestion.processes import landlock, seccomp
from ingestion.processes.sandbox import Layers
from ingestion.processes.seccomp import MACHINES, Machine, program
from ingestion.processes.stages import layers
from rag_service.settings import Settings
from rag_service.wiring import open_service
from tests.ingestion.children import ACME, hostile_stages, order

FILES = (
    "read",
    "list",
    "write",
    "parent's",
    "template's",
    "own environment",
    "delete",
    "make a folder",
    "link",
    "change a mode",
)
CHILD_OUT_OF_REACH = "EACCES", "EPERM", "ENOENT"


@pytest.fixture(scope="module")
def holding() -> Layers:
    return layers()


@pytest.fixture
def outcomes(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What became of each attempt, made by a child of a process that has a data folder, a key and secrets."""
    monkeypatch.setenv("RAG_LLM_API_KEY", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    async def make() -> None:
        async with open_service(settings) as service:
            await service.store.tenants.create("acme", "identifiers")

    asyncio.run(make())
    note = tmp_path / "note.txt"
    note.write_text("private", encoding="utf-8")
    secret = [note, settings.data_dir / "rag.db", settings.master_key_file, "/etc/passwd", "/proc/1/cmdline"]
    task = {
        "read": " ".join(map(str, secret)),
        "list": f"/ /tmp /etc {settings.data_dir} {Path.home()} {Path(__file__).parents[2]}",
        "write": f"{tmp_path / 'written'} /tmp/rag-written /dev/shm/rag-written /dev/null",
    }
    stages = hostile_stages()
    try:
        asyncio.run(stages.of(ACME).parse(order("fine"), 1))
        task["template"] = str(stages.templates()["parser"])
        lines = asyncio.run(stages.of(ACME).parse(order("attack", json.dumps(task)), 1)).elements
        assert stages.templates() == {"parser": int(task["template"])}
    finally:
        stages.close()
    assert note.read_text(encoding="utf-8") == "private"
    assert not (tmp_path / "written").exists()
    return dict(line.text.split(": ", 1) for line in lines)


def test_a_parser_reaches_no_file_socket_program_or_other_process(outcomes: dict[str, str], holding: Layers) -> None:
    facts = {"environment", "folder", "descriptors", "channel"}
    expected = {
        name
        for name in outcomes.keys() - facts
        if (holding.landlock if name.startswith(FILES) else holding.seccomp) or name == "more memory"
    }
    if not holding.confined:
        pytest.skip(f"this machine offers no full sandbox: {holding}")
    assert len(expected) > 40
    assert {name: outcomes[name] for name in expected if outcomes[name] == "done"} == {}
    unusual = {name: outcomes[name] for name in expected if outcomes[name] not in CHILD_OUT_OF_REACH}
    assert unusual == {"new call": "ENOSYS"}


def test_a_parser_is_given_nothing_but_its_stream(outcomes: dict[str, str]) -> None:
    names = set(outcomes["environment"].split())
    assert not {name for name in names if name.startswith(("RAG_", "AWS_", "HOME", "PYTHON", "USER"))}
    assert outcomes["folder"] == "/"
    assert outcomes["descriptors"].split() == ["0", "1", "2", outcomes["channel"]]


def test_a_parser_has_no_capability_and_can_win_none() -> None:
    stages = hostile_stages()
    try:
        asyncio.run(stages.of(ACME).parse(order("fine"), 1))
        [pid] = stages.pids()["parser"]
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    finally:
        stages.close()
    facts = dict(line.split(":\t") for line in status.splitlines())
    assert {int(facts[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    assert facts["NoNewPrivs"] == "1"
    if os.geteuid() == 0:
        assert int(facts["CapBnd"], 16) == 0


def test_what_holds_is_what_the_kernel_offers(holding: Layers) -> None:
    assert holding.landlock == landlock.version()
    assert holding.seccomp == seccomp.is_available()
    assert holding.user in ({"user", "capabilities"} if os.geteuid() == 0 else {"none"})


def test_a_folder_on_the_path_that_is_no_installation_is_not_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holding: Layers
) -> None:
    if not holding.landlock:
        pytest.skip("this kernel has no Landlock")
    monkeypatch.syspath_prepend(tmp_path)  # as the working folder is, with `python -m`; the data folder lies in it
    data = tmp_path / "rag-data"
    data.mkdir()
    (data / "rag.db").write_bytes(b"x")
    stages = hostile_stages()
    task = {"read": str(data / "rag.db"), "list": str(tmp_path), "write": str(tmp_path / "x")}
    try:
        found = asyncio.run(stages.of(ACME).parse(order("attack", json.dumps(task)), 1)).elements
        lines = [line.text for line in found]
    finally:
        stages.close()
    assert lines[:3] == [f"{name}: EACCES" for name in (f"read {data / 'rag.db'}", f"list {tmp_path}")] + [
        f"write {tmp_path / 'x'}: EPERM" if holding.seccomp else f"write {tmp_path / 'x'}: EACCES"
    ]


REFUSED, UNKNOWN, ALLOWED, KILLED = 0x0005_0001, 0x0005_0026, 0x7FFF_0000, 0x8000_0000
OWN = 4242
CALLS = {  # name: numbers on x86_64 and aarch64, arguments, what is answered
    "read": (0, 63, (), ALLOWED),
    "write": (1, 64, (), ALLOWED),
    "mmap": (9, 222, (), ALLOWED),
    "socket": (41, 198, (2, 1, 0), REFUSED),
    "connect": (42, 203, (), REFUSED),
    "bind": (49, 200, (), REFUSED),
    "execve": (59, 221, (), REFUSED),
    "ptrace": (101, 117, (), REFUSED),
    "process_vm_readv": (310, 270, (), REFUSED),
    "kill": (62, 129, (OWN, 9), REFUSED),
    "unshare": (272, 97, (), REFUSED),
    "mount": (165, 40, (), REFUSED),
    "bpf": (321, 280, (), REFUSED),
    "keyctl": (250, 219, (), REFUSED),
    "io_uring_setup": (425, 425, (), REFUSED),
    "openat to read": (257, 56, (0, 0, os.O_RDONLY | os.O_CLOEXEC), ALLOWED),
    "openat to write": (257, 56, (0, 0, os.O_WRONLY), REFUSED),
    "openat to make": (257, 56, (0, 0, os.O_RDONLY | os.O_CREAT), REFUSED),
    "clone of a thread": (56, 220, (0x3D0F00,), ALLOWED),
    "clone of a process": (56, 220, (0x1200011,), REFUSED),
    "clone3": (435, 435, (), UNKNOWN),
    "prlimit64 of oneself": (302, 261, (0,), ALLOWED),
    "prlimit64 of another": (302, 261, (1,), REFUSED),
    "tgkill of oneself": (234, 131, (OWN, OWN, 6), ALLOWED),
    "tgkill of another": (234, 131, (1, 1, 9), REFUSED),
    "fcntl F_GETFL": (72, 25, (3, 3), ALLOWED),
    "fcntl F_SETOWN": (72, 25, (3, 8), REFUSED),
    "prctl PR_SET_PDEATHSIG": (157, 167, (1, 0), REFUSED),
    "prctl PR_SET_NAME": (157, 167, (15, 0), ALLOWED),
    "a call of tomorrow": (600, 600, (), UNKNOWN),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_answers_each_call_on_each_processor(machine: str, name: str) -> None:
    *numbers, arguments, answer = CALLS[name]
    number = numbers[MACHINES[machine].column - 1]
    assert _answer(MACHINES[machine], number, arguments) == answer


def test_calls_of_another_processor_family_end_the_process() -> None:
    x86, arm = MACHINES["x86_64"], MACHINES["aarch64"]
    assert _answer(x86, 0, (), audit=arm.audit) == KILLED
    assert _answer(x86, 0, (), audit=0x4000_0003) == KILLED  # 32-bit calls, which have other numbers
    assert _answer(x86, 0x4000_0000 + 41, ()) == KILLED  # x32


def _answer(machine: Machine, number: int, arguments: tuple[int, ...], *, audit: int | None = None) -> int:
    """What the filter returns, worked out as the kernel does."""
    padded = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("=iIQ6Q", number, audit or machine.audit, 0, *padded)
    code, at, word = program(machine, own_pid=OWN), 0, 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        match operation:
            case 0x20:
                (word,) = struct.unpack_from("=I", data, value)
            case 0x06:
                return value
            case _:
                met = {0x15: word == value, 0x25: word > value, 0x35: word >= value, 0x45: bool(word & value)}[
                    operation
                ]
                at += if_true if met else if_false
