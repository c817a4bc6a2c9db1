"""The owner's socket as an application: every request shows its token before anything else is looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rag_service.domain.errors import InvalidRequest, NotFound, RagError
from rag_service.domain.identity import TenantId
from rag_service.owner import wire
from rag_service.owner.desk import Desk
from rag_service.owner.token import Gate
from rag_service.store.tenants import Tenants

_log = structlog.get_logger()
_MOST_BYTES = 2**20

_DEFECT = wire.encoded({"error": "defect"})

Answering = tuple[TenantId | None, Awaitable[bytes]]
"""Which tenant is asked about, and what makes the response's body."""


class OwnerApp:
    """An ASGI application over the holder's desk. What is refused is refused alike, whatever is wrong with it."""

    def __init__(self, desk: Desk, gate: Gate, tenants: Tenants) -> None:
        self._desk = desk
        self._gate = gate
        self._tenants = tenants
        self._operations: Mapping[str, Callable[[bytes], Awaitable[Answering]]] = {
            "/hello": self._hello,
            "/ask": self._ask,
            "/embedding": self._embedding,
            "/collections": self._collections,
            "/rankings": self._rankings,
            "/point-ids": self._point_ids,
            "/points": self._points,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._respond(request.method, scope["path"], request)
        await response(scope, receive, send)

    async def _respond(self, method: str, path: str, request: Request) -> Response:
        kind = path[1:] if path in self._operations else "unknown"
        body = await _body(request)
        token = request.headers.get("authorization", "")
        if body is None or not self._gate.admits(token, method, path, body):
            _log.warning("operator_request", kind=kind, tenant=None, outcome="refused")
            return Response(wire.encoded({"error": "refused"}), 401)
        tenant: TenantId | None = None
        outcome, status, answer = "done", 200, b""
        try:
            tenant, answering = await self._operations.get(path, _unknown)(body)
            answer = await answering
        except RagError as error:
            outcome, told = type(error).__name__, wire.encoded_error(error)
            status, answer = (422, told) if told else (500, _DEFECT)
        except Exception as error:  # noqa: BLE001  # the service goes on, and the operator is told where to look
            outcome, status, answer = f"defect: {type(error).__name__}", 500, _DEFECT
        log = _log.error if status == 500 else _log.info
        log("operator_request", kind=kind, tenant=tenant, outcome=outcome)
        return Response(answer, status, media_type="application/json")

    async def _hello(self, _body: bytes) -> Answering:
        return None, _encoded(_nothing())

    async def _ask(self, body: bytes) -> Answering:
        asked = wire.asked(wire.QUESTION, body)
        tenant = await self._tenants.by_name(asked.tenant)
        answer = self._desk.ask(
            asked.question,
            tenant=asked.tenant,
            user=asked.user,
            groups=asked.groups,
            limit=asked.limit,
            schema=asked.schema,
        )
        return tenant.id, _encoded(answer)

    async def _embedding(self, body: bytes) -> Answering:
        return None, _encoded(self._desk.embedding(wire.asked(wire.NAME, body) or None))

    async def _rankings(self, body: bytes) -> Answering:
        asked = wire.asked(wire.PROBE, body)
        tenant = await self._tenants.by_name(asked.tenant)
        found = self._desk.rankings(
            asked.question, tenant=asked.tenant, user=asked.user, groups=asked.groups, limit=asked.limit
        )
        return tenant.id, _encoded(found)

    async def _collections(self, _body: bytes) -> Answering:
        return None, _encoded(self._desk.collections())

    async def _point_ids(self, body: bytes) -> Answering:
        asked = wire.asked(wire.OF_TENANT, body)
        tenant = TenantId(asked.tenant)
        return tenant, _encoded(self._desk.point_ids(tenant, beside=asked.beside))

    async def _points(self, body: bytes) -> Answering:
        asked = wire.asked(wire.POINTS_OF_TENANT, body)
        if len(asked.point_ids) > wire.MOST_POINTS:
            raise InvalidRequest(f"at most {wire.MOST_POINTS} points are read at once")
        tenant = TenantId(asked.tenant)
        return tenant, self._read(tenant, asked)

    async def _read(self, tenant: TenantId, asked: wire.PointsOfTenant) -> bytes:
        points = await self._desk.points(tenant, asked.point_ids, beside=asked.beside)
        return wire.encoded_points(points.values())


async def _encoded(told: Awaitable[object]) -> bytes:
    return wire.encoded(await told)


async def _nothing() -> object:
    return {}


async def _unknown(_body: bytes) -> Answering:
    raise NotFound("operation")


async def _body(request: Request) -> bytes | None:
    """What was sent; ``None`` where it is more than any operator asks, or broke off."""
    body = bytearray()
    try:
        async for some in request.stream():
            body += some
            if len(body) > _MOST_BYTES:
                return None
    except ClientDisconnect:
        return None
    return bytes(body)
