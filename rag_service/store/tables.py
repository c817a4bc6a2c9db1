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

SCHEMA_VERSION = "2"

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
    Column("owner_token", String, nullable=True),
    Column("folder_token", String, nullable=True),
    Column("created_at", DateTime, nullable=False),
    UniqueConstraint("tenant_id", "source_token"),
    Index("documents_of_folder", "tenant_id", "folder_token"),
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
    Column("tenant_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("removed", String, nullable=False),
    Index("outbox_of_tenant", "tenant_id", "position"),
    sqlite_autoincrement=True,
)
"""What the index has yet to follow, in order. ``kind`` is ``document`` (subject: its id), ``rebuild`` (of the whole
collection) or ``drop`` (subject: the name of a collection whose tenant is gone)."""

jobs = Table(
    "jobs",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("tenant_id", String, nullable=False),
    Column("document_id", String, nullable=False),
    Column("source_token", String, nullable=False),
    Column("content_token", String, nullable=False),
    Column("owner_token", String, nullable=True),
    Column("state", String, nullable=False),
    Column("stage", String, nullable=False),
    Column("size", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", DateTime, nullable=False),
    Column("lease", String, nullable=True),
    Column("lease_until", DateTime, nullable=True),
    Column("outbox_position", Integer, nullable=True),
    Column("created_at", DateTime, nullable=False),
    Column("changed_at", DateTime, nullable=False),
    Index("jobs_by_turn", "state", "tenant_id", "position"),
    Index("jobs_of_source", "tenant_id", "source_token", "state"),
    Index("jobs_of_document", "tenant_id", "document_id", "state"),
    Index("jobs_in_outbox", "tenant_id", "outbox_position"),
    sqlite_autoincrement=True,
)
"""Tickets: who is to be served, and nothing of what. ``lease`` is a random word of one claim, ``position`` the order
in which uploads were accepted."""

turns = Table(
    "turns",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("turn", Integer, nullable=False),
)
"""When each tenant was served last, as a running number: whoever waited longest is next."""

uploads = Table(
    "uploads",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("job_id", String, primary_key=True),
    Column("sealed_request", LargeBinary, nullable=False),
    Column("sealed_report", LargeBinary, nullable=True),
)

spool = Table(
    "spool",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("job_id", String, primary_key=True),
    Column("content_key", LargeBinary, nullable=False),
    Column("sealed_content", LargeBinary, nullable=False),
)
"""The unscrubbed original, sealed under a key of its own, until its version is live or the job is given up."""
