"""An API key for a token that lives some minutes: for where the key itself should not travel."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from rag_service.domain.errors import Forbidden, InvalidRequest
from rag_service.domain.identity import Role
from rag_service.web.authenticate import CurrentService, KeyHolder

router = APIRouter(prefix="/v1", tags=["authentication"])


class TokenBody(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"scope": "query"}]})

    scope: Annotated[
        str | None,
        Field(max_length=200, description="Of the key's scopes those that the token gets, with spaces; else all."),
    ] = None


class Token(BaseModel):
    """As OAuth 2.0 has it (RFC 6749, 5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # the name of a kind
    expires_in: int
    scope: str


@router.post("/token")
async def exchange(holder: KeyHolder, service: CurrentService, body: TokenBody | None = None) -> Token:
    """Get a short-lived token for an API key.

    The token stands for the key: it ends with it, and is refused as soon as the key is revoked. It can be given fewer
    scopes than the key has, never more. A token cannot be exchanged for another, and a key whose requests are signed
    gets none.
    """
    roles = holder.roles if body is None or body.scope is None else _narrowed(body.scope, holder.roles)
    token = service.tokens.mint(holder.tenant.id, holder.key_id, roles)
    return Token(access_token=token.text, expires_in=token.expires_in_s, scope=" ".join(sorted(roles)))


def _narrowed(scope: str, roles: frozenset[Role]) -> frozenset[Role]:
    words = scope.split()
    wanted = frozenset(role for role in Role if role.value in words)
    if not words or len(wanted) != len(set(words)):
        raise InvalidRequest(f"scope: name one or more of {' '.join(Role)}, with spaces")
    for role in sorted(wanted - roles):
        raise Forbidden(role.value)
    return wanted
