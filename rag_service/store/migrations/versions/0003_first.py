"""Everything: the tables, and on PostgreSQL the row-level security of those that are one tenant's at a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = None
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_OF_ONE_TENANT = (
    "members", "api_keys", "nonces", "documents", "versions", "access", "chunks", "uploads", "spool",
)  # fmt: skip
"""What holds content: no row is seen or written but by a transaction that names its tenant."""

_OF_ALL = {
    "tenants": "id",
    "key_lookups": "tenant_id",
    "jobs": "tenant_id",
    "turns": "tenant_id",
    "outbox": "tenant_id",
}
"""What holds none, and the column that names the tenant: a transaction that names one sees its rows alone."""


def upgrade() -> None:
    _create_shared()
    _create_identities()
    _create_documents()
    _create_uploads()
    if op.get_bind().dialect.name == "postgresql":
        _secure_rows()


def _secure_rows() -> None:
    this = "current_setting('app.tenant', true)"
    for table in _OF_ONE_TENANT:
        _add_policy(table, f"tenant_id = nullif({this}, '')")
    for table, column in _OF_ALL.items():
        _add_policy(table, f"coalesce({this}, '') IN ('', {column})")


def _add_policy(table: str, condition: str) -> None:
    """For the tables' owner as well (FORCE): only a superuser or a role with BYPASSRLS is beyond it."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY of_tenant ON {table} USING ({condition}) WITH CHECK ({condition})")


def _create_shared() -> None:
    op.create_table(
        "installation",
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key_check", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("place", name="pk_installation"),
    )
    op.create_table(
        "tenants",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name_token", sa.String(), nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.Column("tenant_key", sa.LargeBinary(), nullable=False),
        sa.Column("index_key", sa.LargeBinary(), nullable=False),
        sa.Column("index_epoch", sa.Integer(), nullable=False),
        sa.Column("pii_policy", sa.String(), nullable=False),
        sa.Column("embedding", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
        sa.UniqueConstraint("name_token", name="uq_tenants_name_token"),
    )
    op.create_table(
        "key_lookups",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_key_lookups_tenant_id"),
        sa.PrimaryKeyConstraint("id", name="pk_key_lookups"),
    )
    op.create_table(
        "jobs",
        sa.Column("position", _LONG, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("source_token", sa.String(), nullable=False),
        sa.Column("content_token", sa.String(), nullable=False),
        sa.Column("owner_token", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("size", _LONG, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("lease", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("outbox_position", _LONG, nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_jobs_tenant_id"),
        sa.PrimaryKeyConstraint("position", name="pk_jobs"),
        sa.UniqueConstraint("id", name="uq_jobs_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("jobs_by_turn", "jobs", ["state", "tenant_id", "position"])
    op.create_index("jobs_in_outbox", "jobs", ["tenant_id", "outbox_position"])
    op.create_index("jobs_of_document", "jobs", ["tenant_id", "document_id", "state"])
    op.create_index("jobs_of_source", "jobs", ["tenant_id", "source_token", "state"])
    op.create_table(
        "turns",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("turn", _LONG, nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_turns_tenant_id"),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_turns"),
    )
    op.create_table(
        "outbox",
        sa.Column("position", _LONG, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("removed", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_outbox"),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_of_tenant", "outbox", ["tenant_id", "position"])


def _create_identities() -> None:
    op.create_table(
        "api_keys",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("user_token", sa.String(), nullable=False),
        sa.Column("sealed_user", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.Column("last_used_at", sa.DateTime(), nullable=True),
        sa.Column("sealed_networks", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_signing_secret", sa.LargeBinary(), nullable=True),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_api_keys_tenant_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_api_keys"),
    )
    op.create_table(
        "members",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("group_token", sa.String(), nullable=False),
        sa.Column("member_token", sa.String(), nullable=False),
        sa.Column("sealed_group", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_member", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_members_tenant_id"),
        sa.PrimaryKeyConstraint("tenant_id", "group_token", "member_token", name="pk_members"),
    )
    op.create_index("groups_of_member", "members", ["tenant_id", "member_token"])
    op.create_table(
        "nonces",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_nonces_tenant_id"),
        sa.PrimaryKeyConstraint("tenant_id", "key_id", "nonce", name="pk_nonces"),
    )
    op.create_index("nonces_by_end", "nonces", ["tenant_id", "expires_at"])


def _create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source_token", sa.String(), nullable=False),
        sa.Column("live_version", sa.Integer(), nullable=False),
        sa.Column("owner_token", sa.String(), nullable=True),
        sa.Column("sealed_owner", sa.LargeBinary(), nullable=True),
        sa.Column("folder_token", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_documents_tenant_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_documents"),
        sa.UniqueConstraint("tenant_id", "source_token", name="uq_documents_tenant_id_source_token"),
    )
    op.create_index("documents_of_folder", "documents", ["tenant_id", "folder_token"])
    op.create_table(
        "versions",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("version_key", sa.LargeBinary(), nullable=False),
        sa.Column("content_token", sa.String(), nullable=False),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_meta", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "document_id"],
            ["documents.tenant_id", "documents.id"],
            name="fk_versions_tenant_id_document_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "document_id", "version", name="pk_versions"),
    )
    op.create_table(
        "access",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("principal_token", sa.String(), nullable=False),
        sa.Column("sealed_principal", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "document_id"],
            ["documents.tenant_id", "documents.id"],
            name="fk_access_tenant_id_document_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "document_id", "principal_token", name="pk_access"),
    )
    op.create_table(
        "chunks",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("sealed_record", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "document_id"],
            ["documents.tenant_id", "documents.id"],
            name="fk_chunks_tenant_id_document_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_chunks"),
    )
    op.create_index("chunks_of_document", "chunks", ["tenant_id", "document_id", "ordinal"])


def _create_uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("sealed_request", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_report", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_uploads_tenant_id"),
        sa.PrimaryKeyConstraint("tenant_id", "job_id", name="pk_uploads"),
    )
    op.create_table(
        "spool",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("content_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_spool_tenant_id"),
        sa.PrimaryKeyConstraint("tenant_id", "job_id", name="pk_spool"),
    )
