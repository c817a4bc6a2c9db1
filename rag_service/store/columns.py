"""What all tables share: how constraints are named, and the columns that many have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, String, column

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""So that a migration can name what it changes, on every database."""

metadata = MetaData(naming_convention=_NAMES)

LONG = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only what is called INTEGER

_IS_MEMBER = column("parent_id").is_not(None)
ONLY_MEMBERS: Mapping[str, Any] = {"sqlite_where": _IS_MEMBER, "postgresql_where": _IS_MEMBER}
"""What makes an index one over members alone: they are few among jobs, and counted often."""


def of_tenant(*, is_key: bool = True) -> Column[str]:
    """Whose the row is."""
    return Column("tenant_id", String, ForeignKey("tenants.id"), primary_key=is_key, nullable=False)
