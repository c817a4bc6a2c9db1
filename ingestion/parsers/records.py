"""JSON and JSON Lines: a section a record, a line a value."""

from __future__ import annotations

import json
from typing import Any

from ingestion.decode import decode_text
from ingestion.parsers.extract import Extract
from ingestion.parsers.record_text import Record, Value, label_of, record_extract, spoken
from rag_service.domain.errors import Refused

_MAX_DEPTH = 200


def parse_json(content: bytes) -> Extract:
    """The records of a JSON file: the items of its lists, under the names of the objects that hold them."""
    data = _value(json.loads(decode_text(content).removeprefix("\ufeff")), 0)
    return record_extract(data, title=label_of(data) if isinstance(data, Record) else None)


def parse_json_lines(content: bytes) -> Extract:
    """The records of a file that holds one on each line."""
    lines = decode_text(content).removeprefix("\ufeff").split("\n")
    return record_extract([_value(json.loads(line), 0) for line in lines if line.strip()])


def _value(data: Any, depth: int) -> Value:
    if depth > _MAX_DEPTH:
        raise Refused("too_deep", f"The file's values lie in one another more than {_MAX_DEPTH} deep.")
    if isinstance(data, dict):
        return Record(tuple((spoken(str(key)), _value(value, depth + 1)) for key, value in data.items()))
    if isinstance(data, list):
        return [_value(item, depth + 1) for item in data]
    if data is None:
        return ""
    if isinstance(data, bool):
        return "yes" if data else "no"
    return str(data)
