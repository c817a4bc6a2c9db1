"""The tables. Names, sources, titles and text are sealed; what must be looked up is a keyed token.

SQL is the authority: a document is what its row says, and the vector index is derived from ``chunks``.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

SCHEMA_VERSION = "1"

metadata = MetaData()

tenants = Table(
    "tenants",
    metadata,
    Column("id", String, primary_key=True),
    Column("name_token", String, nullable=False, unique=True),
    Column("sealed_name", LargeBinary, nullable=False),
    Column("tenant_key", LargeBinary, nullable=False),
    Column("index_key", LargeBinary, nullable=False),
    Column("index_epoch", Integer, nullable=False),
    Column("pii_policy", String, nullable=False),
    Column("embedding", String, nullable=True),
    Column("created_at", DateTime, nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("group_token", String, primary_key=True),
    Column("user_token", String, primary_key=True),
    Column("sealed_group", LargeBinary, nullable=False),
    Column("sealed_user", LargeBinary, nullable=False),
    Index("members_of_user", "tenant_id", "user_token"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False, index=True),
    Column("secret_hash", String, nullable=False),
    Column("user_token", String, nullable=False),
    Column("sealed_user", LargeBinary, nullable=False),
    Column("scopes", String, nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("expires_at", DateTime, nullable=True),
    Column("revoked_at", DateTime, nullable=True),
)

documents = Table(
    "documents",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("source_token", String, nullable=False),
    Column("live_version", Integer, nullable=False),
    Column("created_at", DateTime, nullable=False),
    UniqueConstraint("tenant_id", "source_token"),
)

versions = Table(
    "versions",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("document_id", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("version_key", LargeBinary, nullable=False),
    Column("content_token", String, nullable=False),
    Column("sealed_text", LargeBinary, nullable=False),
    Column("sealed_meta", LargeBinary, nullable=False),
    Column("created_at", DateTime, nullable=False),
    ForeignKeyConstraint(["tenant_id", "document_id"], ["documents.tenant_id", "documents.id"], ondelete="CASCADE"),
)

access = Table(
    "access",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("document_id", String, primary_key=True),
    Column("principal_token", String, primary_key=True),
    Column("sealed_principal", LargeBinary, nullable=False),
    ForeignKeyConstraint(["tenant_id", "document_id"], ["documents.tenant_id", "documents.id"], ondelete="CASCADE"),
)

chunks = Table(
    "chunks",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("document_id", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("sealed_record", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("sealed_vector", LargeBinary, nullable=False),
    Index("chunks_of_document", "tenant_id", "document_id", "ordinal"),
    ForeignKeyConstraint(["tenant_id", "document_id"], ["documents.tenant_id", "documents.id"], ondelete="CASCADE"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("tenant_id", String, nullable=False, index=True),
    Column("document_id", String, nullable=False),
    Column("removed", String, nullable=False),
    sqlite_autoincrement=True,
)
