"""JSON: an element a top-level record, a line ``path: value`` for each value in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ingestion.decode import decode_text
from ingestion.parsers.extract import Extract, one_line
from rag_service.domain.document import BlockKind, Element

_TITLE_KEYS = ("title", "name")


def parse_json(content: bytes) -> Extract:
    """The records of a JSON file: the items of its list, or the members of its object (plain ones together)."""
    data = json.loads(decode_text(content).removeprefix("\ufeff"))
    if isinstance(data, list):
        groups = [(f"[{at}]" if not isinstance(item, dict) else None, "", item) for at, item in enumerate(data)]
        title = None
    elif isinstance(data, dict):
        plain = {key: value for key, value in data.items() if not isinstance(value, dict | list)}
        groups = [(None, "", plain)] if plain else []
        for key, value in data.items():
            if isinstance(value, list) and any(isinstance(item, dict) for item in value):
                groups += [(key, f"{key}[{at}]", item) for at, item in enumerate(value)]
            elif isinstance(value, dict | list):
                groups.append((key, str(key), value))
        title = next((data[key] for key in _TITLE_KEYS if isinstance(data.get(key), str)), None)
    else:
        groups, title = [(None, "", data)], None
    elements = []
    for section, path, value in groups:
        if lines := list(_lines(path, value)):
            elements.append(Element("\n".join(lines), BlockKind.TABLE, section=section))
    return Extract(tuple(elements), title=title)


def _lines(path: str, value: Any) -> Iterator[str]:
    """A line a value, each with its full path. Lists of plain values stand on one line."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _lines(f"{path}.{key}" if path else str(key), item)
    elif isinstance(value, list):
        if all(not isinstance(item, dict | list) for item in value):
            yield from _line(path, ", ".join(filter(None, map(_plain, value))))
        else:
            for at, item in enumerate(value):
                yield from _lines(f"{path}[{at}]", item)
    else:
        yield from _line(path, _plain(value))


def _line(path: str, text: str) -> Iterator[str]:
    if text:
        yield f"{one_line(path)}: {text}" if path else text


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return one_line(str(value))
