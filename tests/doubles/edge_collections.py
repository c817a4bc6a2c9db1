"""Collections and aliases over Qdrant Edge, spoken to in the JSON of the server's REST API.

Strict where the server is lenient: a member that is not understood is refused, so that no test passes because
something was silently ignored.
"""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import qdrant_edge as edge

Json = dict[str, Any]


class Missing(Exception):
    """There is no such collection."""


class Taken(Exception):
    """A collection or an alias of that name exists."""


class EdgeCollections:
    """What a server would keep. One thread at a time is inside."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._shards: dict[str, edge.EdgeShard] = {}
        self._made = 0
        self.aliases: dict[str, str] = {}
        self.created: dict[str, Json] = {}
        self.indexed: dict[str, list[str]] = {}
        self.lock = threading.RLock()

    def create(self, name: str, body: Json) -> None:
        if name in self._shards or name in self.aliases:
            raise Taken
        vectors = {key: _dense_params(value) for key, value in body["vectors"].items()}
        sparse = {key: _sparse_params(value) for key, value in body["sparse_vectors"].items()}
        self._made += 1
        folder = self._root / f"{self._made}"
        folder.mkdir(parents=True)
        config = edge.EdgeConfig(
            vectors=vectors,
            sparse_vectors=sparse,
            quantization_config=_quantization(body.get("quantization_config")),
            max_search_threads=1,
            wal_enabled=False,  # nothing here outlives the process
        )
        self._shards[name] = edge.EdgeShard.create(str(folder), config)
        self.created[name] = body
        self.indexed[name] = []

    def drop(self, name: str) -> bool:
        if name not in self._shards:
            return False
        self._shards.pop(name).close()
        self.aliases = {alias: behind for alias, behind in self.aliases.items() if behind != name}
        return True

    def names(self) -> list[str]:
        return list(self._shards)

    def has(self, name: str) -> bool:
        return self.aliases.get(name, name) in self._shards

    def change_aliases(self, actions: list[Json]) -> None:
        for action in actions:
            [(kind, what)] = action.items()
            if kind == "create_alias":
                if what["collection_name"] not in self._shards:
                    raise Missing
                if what["alias_name"] in self._shards:
                    raise Taken
                self.aliases[what["alias_name"]] = what["collection_name"]
            elif kind == "delete_alias":
                self.aliases.pop(what["alias_name"], None)
            else:
                raise ValueError(kind)

    def index(self, name: str, field: str) -> None:
        keyword = edge.PayloadSchemaType.Keyword
        self._shard(name).update(edge.UpdateOperation.create_field_index(field, keyword))
        self.indexed[name].append(field)

    def upsert(self, name: str, points: list[Json]) -> None:
        stored = [edge.Point(UUID(one["id"]), _named(one["vector"]), one["payload"]) for one in points]
        self._shard(name).update(edge.UpdateOperation.upsert_points(stored))

    def delete(self, name: str, ids: list[str]) -> None:
        self._shard(name).update(edge.UpdateOperation.delete_points([UUID(one) for one in ids]))

    def query(self, name: str, searches: list[Json]) -> list[Json]:
        answers = self._shard(name).query_batch(edge.QueryBatchRequest([_search(one) for one in searches]))
        return [{"points": [{"id": str(p.id), "version": p.version, "score": p.score} for p in a]} for a in answers]

    def scroll(self, name: str, body: Json) -> Json:
        offset = body.get("offset")
        page, following = self._shard(name).scroll(
            edge.ScrollRequest(
                offset=None if offset is None else UUID(offset),
                limit=body["limit"],
                filter=_filter(body["filter"]) if "filter" in body else None,
                with_payload=False,
                with_vector=False,
            )
        )
        return {
            "points": [{"id": str(record.id)} for record in page],
            "next_page_offset": None if following is None else str(following),
        }

    def retrieve(self, name: str, ids: list[str]) -> list[Json]:
        found = self._shard(name).retrieve([UUID(one) for one in ids], with_payload=True, with_vector=True)
        return [{"id": str(one.id), "payload": one.payload, "vector": _as_json(one.vector)} for one in found]

    def clear(self) -> None:
        """Nothing is there any more, and no trace of what was."""
        for name in list(self._shards):
            self.drop(name)
        self.aliases.clear()
        self.created.clear()
        self.indexed.clear()
        shutil.rmtree(self._root, ignore_errors=True)

    def _shard(self, name: str) -> edge.EdgeShard:
        try:
            return self._shards[self.aliases.get(name, name)]
        except KeyError:
            raise Missing from None


def _only(body: Json, *known: str) -> Json:
    if unknown := body.keys() - set(known):
        raise ValueError(f"not understood: {sorted(unknown)}")
    return body


def _dense_params(body: Json) -> edge.EdgeVectorParams:
    assert _only(body, "size", "distance", "on_disk")["distance"] == "Dot"
    return edge.EdgeVectorParams(size=body["size"], distance=edge.Distance.Dot, on_disk=body["on_disk"])


def _sparse_params(body: Json) -> edge.EdgeSparseVectorParams:
    modifier = edge.Modifier.Idf if _only(body, "modifier", "index").get("modifier") == "idf" else None
    return edge.EdgeSparseVectorParams(modifier=modifier, on_disk=body["index"]["on_disk"])


def _quantization(body: Json | None) -> edge.ScalarQuantizationConfig | None:
    if body is None:
        return None
    scalar = _only(body["scalar"], "type", "quantile", "always_ram")
    assert scalar["type"] == "int8"
    return edge.ScalarQuantizationConfig(
        type=edge.ScalarType.Int8, quantile=scalar["quantile"], always_ram=scalar["always_ram"]
    )


def _vector(value: Any) -> Any:
    return value if isinstance(value, list) else edge.SparseVector(value["indices"], value["values"])


def _named(vectors: Json) -> dict[str, Any]:
    return {name: _vector(value) for name, value in vectors.items()}


def _as_json(vectors: Any) -> Json:
    return {
        name: {"indices": value.indices, "values": value.values} if isinstance(value, edge.SparseVector) else value
        for name, value in vectors.items()
    }


def _filter(body: Json) -> edge.Filter:
    conditions = [_only(one, "key", "match") for one in _only(body, "must")["must"]]
    return edge.Filter(
        must=[
            edge.FieldCondition(one["key"], match=edge.MatchAny(_only(one["match"], "any")["any"]))
            for one in conditions
        ]
    )


def _search(body: Json) -> edge.QueryRequest:
    _only(body, "query", "using", "filter", "params", "limit")
    params = _only(body.get("params", {}), "idf", "quantization")
    quantized = _only(params.get("quantization", {}), "rescore", "oversampling")
    return edge.QueryRequest(
        limit=body["limit"],
        query=edge.Query.Nearest(_vector(_only(body["query"], "nearest")["nearest"]), using=body["using"]),
        filter=_filter(body["filter"]) if "filter" in body else None,
        params=edge.SearchParams(
            idf=edge.IdfParams(corpus=_filter(params["idf"]["corpus"])) if "idf" in params else None,
            quantization=edge.QuantizationSearchParams(**quantized) if quantized else None,
        ),
    )
