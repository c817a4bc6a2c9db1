"""OLE compound files, as Outlook and the Office of before 2007 write them: streams in sectors, named in a directory."""

from __future__ import annotations

import struct
from collections.abc import Mapping

Tree = Mapping[str, "bytes | Tree"]

_SECTOR, _ENTRY = 512, 128
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_LEAST = 4096
"""Smaller streams would lie in a stream of their own; these are filled up, which their readers must bear."""


def compound_file(tree: Tree) -> bytes:
    """A file of version 3 with these storages and streams. Streams are padded with zeros to 4096 bytes."""
    sectors: list[bytes] = []
    chain: list[int] = []

    def put(content: bytes) -> int:
        first = len(sectors)
        pieces = [content[at : at + _SECTOR].ljust(_SECTOR, b"\0") for at in range(0, len(content), _SECTOR)]
        sectors.extend(pieces)
        chain.extend([*range(first + 1, first + len(pieces)), _END])
        return first

    entries: list[list[object]] = [["Root Entry", 5, _FREE, _FREE, _END, 0]]

    def add(parent: int, children: Tree) -> None:
        previous: int | None = None
        for name, held in children.items():
            at = len(entries)
            if isinstance(held, bytes):
                data = held.ljust(_LEAST, b"\0")
                entries.append([name, 2, _FREE, _FREE, put(data), len(data)])
            else:
                entries.append([name, 1, _FREE, _FREE, 0, 0])
                add(at, held)
            if previous is None:
                entries[parent][3] = at
            else:
                entries[previous][2] = at  # a list to the right is a tree, too
            previous = at

    add(0, tree)
    directory = b"".join(_entry(entry) for entry in entries)
    directory_at = put(directory.ljust(-(-len(directory) // _SECTOR) * _SECTOR, b"\0"))
    tables = 1
    while (len(sectors) + tables) * 4 > tables * _SECTOR:
        tables += 1
    places = [len(sectors) + number for number in range(tables)]
    chain.extend([_FAT] * tables)
    table = struct.pack(f"<{len(chain)}I", *chain).ljust(tables * _SECTOR, b"\xff")
    header = struct.pack(
        "<8s16s5H6x9I", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", bytes(16), 0x3E, 3, 0xFFFE, 9, 6, 0, tables, directory_at,
        0, _LEAST, _END, 0, _END, 0,
    )  # fmt: skip
    return header + struct.pack("<109I", *places, *[_FREE] * (109 - tables)) + b"".join(sectors) + table


def _entry(entry: list[object]) -> bytes:
    name, kind, right, child, start, size = entry
    encoded = f"{name}\0".encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII16xI16xIQ", encoded, len(encoded), kind, 1, _FREE, right, child, 0, start, size
    )  # fmt: skip


def message_file(texts: Mapping[int, str | bytes], *, attachments: Mapping[str, bytes] | None = None) -> bytes:
    """An Outlook message with these properties (by their ids), texts or bytes, and files attached."""
    attached = attachments or {}
    header = struct.pack("<8x4I8x", 0, len(attached), 0, len(attached))
    tree: dict[str, bytes | Tree] = dict(_properties(texts, header))
    for number, name in enumerate(attached):
        tree[f"__attach_version1.0_#{number:08X}"] = _properties({0x3707: name}, bytes(8))
    return compound_file({"__nameid_version1.0": {}, **tree})


def _properties(held: Mapping[int, str | bytes], header: bytes) -> Tree:
    rows, streams = b"", dict[str, bytes | Tree]()
    for number, value in held.items():
        kind, content = (0x102, value) if isinstance(value, bytes) else (0x1F, value.encode("utf-16-le"))
        rows += struct.pack("<IIQ", number << 16 | kind, 6, len(content) + (2 if kind == 0x1F else 0))
        streams[f"__substg1.0_{number:04X}{kind:04X}"] = content
    return {"__properties_version1.0": header + rows, **streams}
