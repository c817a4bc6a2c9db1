"""The tables. Names, sources, titles and text are sealed; what must be looked up is a keyed token.

SQL is the authority: a document is what its row says, and the vector index is derived from ``chunks``. A table's
``tenant_id`` says whose a row is. ``SHARED`` tables can be asked across tenants, and hold no content: the look-up of
keys, the queue's tickets, the outbox. Of every other, a statement sees one tenant's rows: ``store.guard`` demands it,
and on PostgreSQL row-level security does. Migrations (``store/migrations``) make these tables.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from rag_service.store import columns
from rag_service.store.columns import LONG, ONLY_MEMBERS, of_tenant

SCHEMA_VERSION = "4"
"""The newest revision in ``store/migrations``."""

metadata = columns.metadata

installation = Table(
    "installation",
    metadata,
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False),
    Column("key_check", String, nullable=False),
)
"""One row, at place 1: which installation this is, and what shows that a master key is its own. Beside a database in a
data folder, ``installation.json`` says the same."""

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
    of_tenant(),
    Column("group_token", String, primary_key=True),
    Column("member_token", String, primary_key=True),
    Column("sealed_group", LargeBinary, nullable=False),
    Column("sealed_member", LargeBinary, nullable=False),
    Index("groups_of_member", "tenant_id", "member_token"),
)
"""A member is a user, or a group whose own members are users."""

key_lookups = Table(
    "key_lookups",
    metadata,
    Column("id", String, primary_key=True),
    of_tenant(is_key=False),
)
"""Whose an API key is, which must be known before anything of that tenant can be looked at."""

api_keys = Table(
    "api_keys",
    metadata,
    of_tenant(),
    Column("id", String, primary_key=True),
    Column("secret_hash", String, nullable=False),
    Column("user_token", String, nullable=False),
    Column("sealed_user", LargeBinary, nullable=False),
    Column("scopes", String, nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("expires_at", DateTime, nullable=True),
    Column("revoked_at", DateTime, nullable=True),
    Column("last_used_at", DateTime, nullable=True),
    Column("sealed_networks", LargeBinary, nullable=True),
    Column("sealed_signing_secret", LargeBinary, nullable=True),
    Column("mac", LargeBinary, nullable=False),
)
"""``mac`` is over everything in the row that gives authority."""

nonces = Table(
    "nonces",
    metadata,
    of_tenant(),
    Column("key_id", String, primary_key=True),
    Column("nonce", String, primary_key=True),
    Column("expires_at", DateTime, nullable=False),
    Index("nonces_by_end", "tenant_id", "expires_at"),
)
"""Of signed requests, so that none is accepted twice."""

documents = Table(
    "documents",
    metadata,
    of_tenant(),
    Column("id", String, primary_key=True),
    Column("source_token", String, nullable=False),
    Column("live_version", Integer, nullable=False),
    Column("owner_token", String, nullable=True),
    Column("sealed_owner", LargeBinary, nullable=True),
    Column("folder_token", String, nullable=True),
    Column("created_at", DateTime, nullable=False),
    Column("parent_id", String, nullable=True),
    UniqueConstraint("tenant_id", "source_token"),
    Index("documents_of_folder", "tenant_id", "folder_token"),
    Index("documents_of_parent", "tenant_id", "parent_id"),
)
"""``owner_token`` is looked up, and ``sealed_owner`` is believed: it opens in no other document's row. No version is
live where ``live_version`` is 0: all that there is, is in quarantine. ``parent_id`` is the archive or mail that it came
in."""

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
    Column("quarantined_at", DateTime, nullable=True),
    Column("sealed_values", LargeBinary, nullable=True),
    Column("sealed_screening", LargeBinary, nullable=True),
    ForeignKeyConstraint(["tenant_id", "document_id"], ["documents.tenant_id", "documents.id"], ondelete="CASCADE"),
    Index("versions_in_quarantine", "tenant_id", "quarantined_at"),
)
"""A version in quarantine is no document's live one, and nobody's to read but reviewers'. ``sealed_values`` is what
scrubbing took out and may be restored, ``sealed_screening`` what the file hid and where findings are: what reviewers
look at, and detectors when they change."""

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
    Index("chunks_of_document", "tenant_id", "document_id", "ordinal"),
    ForeignKeyConstraint(["tenant_id", "document_id"], ["documents.tenant_id", "documents.id"], ondelete="CASCADE"),
)

vectors = Table(
    "vectors",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("chunk_id", String, primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("sealed_vector", LargeBinary, nullable=False),
    ForeignKeyConstraint(["tenant_id", "chunk_id"], ["chunks.tenant_id", "chunks.id"], ondelete="CASCADE"),
)
"""A chunk's vector in the tenant's live epoch, and in one that is built beside or was live before."""

epochs = Table(
    "epochs",
    metadata,
    of_tenant(),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("index_key", LargeBinary, nullable=False),
    Column("embedding", String, nullable=False),
    Column("state", String, nullable=False),
    Column("created_at", DateTime, nullable=False),
)
"""Collections that stand beside a tenant's live one, each with an index key and an embedding model of its own."""

sketches = Table(
    "sketches",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("document_id", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("uploader_token", String, nullable=False),
    Column("sealed_sketch", LargeBinary, nullable=False),
    Column("created_at", DateTime, nullable=False),
    ForeignKeyConstraint(["tenant_id", "document_id"], ["documents.tenant_id", "documents.id"], ondelete="CASCADE"),
    Index("sketches_of_uploader", "tenant_id", "uploader_token", "created_at"),
)
"""What tells whether documents repeat each other, without their texts."""

reviews = Table(
    "reviews",
    metadata,
    of_tenant(),
    Column("id", String, primary_key=True),
    Column("document_id", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("content_token", String, nullable=False),
    Column("sealed_entry", LargeBinary, nullable=False),
    Column("created_at", DateTime, nullable=False),
    Index("reviews_of_document", "tenant_id", "document_id", "version"),
    Index("reviews_of_content", "tenant_id", "content_token"),
)
"""What was decided about documents in quarantine, by whom and why; kept when the document is gone."""

outbox = Table(
    "outbox",
    metadata,
    Column("position", LONG, primary_key=True, autoincrement=True),
    Column("tenant_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("removed", String, nullable=False),
    Index("outbox_of_tenant", "tenant_id", "position"),
    sqlite_autoincrement=True,
)
"""What the index has yet to follow, in order. ``kind`` is ``document`` (subject: its id), ``beside`` (the same, in the
epoch beside alone), ``rebuild`` (of the tenant's collections) or ``drop`` (subject: the name of a collection whose
tenant or epoch is gone)."""

jobs = Table(
    "jobs",
    metadata,
    Column("position", LONG, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    of_tenant(is_key=False),
    Column("document_id", String, nullable=False),
    Column("source_token", String, nullable=False),
    Column("content_token", String, nullable=False),
    Column("owner_token", String, nullable=True),
    Column("state", String, nullable=False),
    Column("stage", String, nullable=False),
    Column("size", LONG, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", DateTime, nullable=False),
    Column("lease", String, nullable=True),
    Column("lease_until", DateTime, nullable=True),
    Column("outbox_position", LONG, nullable=True),
    Column("created_at", DateTime, nullable=False),
    Column("changed_at", DateTime, nullable=False),
    Column("parent_id", String, nullable=True),
    Index("jobs_by_turn", "state", "tenant_id", "position"),
    Index("jobs_of_source", "tenant_id", "source_token", "state"),
    Index("jobs_of_document", "tenant_id", "document_id", "state"),
    Index("jobs_in_outbox", "tenant_id", "outbox_position"),
    Index("jobs_of_parent", "tenant_id", "parent_id", "state"),
    Index("jobs_of_members", "tenant_id", "state", "position", **ONLY_MEMBERS),
    sqlite_autoincrement=True,
)
"""Tickets: who is to be served, and nothing of what. ``lease`` is a random word of one claim, ``position`` the order
in which uploads were accepted, ``parent_id`` the document whose member is to be ingested."""

turns = Table(
    "turns",
    metadata,
    of_tenant(),
    Column("turn", LONG, nullable=False),
)
"""When each tenant was served last, as a running number: whoever waited longest is next."""

uploads = Table(
    "uploads",
    metadata,
    of_tenant(),
    Column("job_id", String, primary_key=True),
    Column("sealed_request", LargeBinary, nullable=False),
    Column("sealed_report", LargeBinary, nullable=True),
)

spool = Table(
    "spool",
    metadata,
    of_tenant(),
    Column("job_id", String, primary_key=True),
    Column("content_key", LargeBinary, nullable=False),
    Column("sealed_content", LargeBinary, nullable=False),
)
"""The unscrubbed original, sealed under a key of its own, until its version is live or the job is given up."""

SHARED = frozenset({installation, tenants, key_lookups, outbox, jobs, turns})

SECURED = frozenset(table.name for table in metadata.sorted_tables if table is not installation)
"""Those that PostgreSQL must keep to a tenant by policies, or a service does not start over them."""
