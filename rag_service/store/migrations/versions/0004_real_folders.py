"""Documents that came in another, quarantine and its reviews, values to restore, and vectors of another epoch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"
branch_labels = None
depends_on = None

_OF_ONE_TENANT = ("vectors", "epochs", "sketches", "reviews")


def upgrade() -> None:
    op.add_column("documents", sa.Column("parent_id", sa.String(), nullable=True))
    op.create_index("documents_of_parent", "documents", ["tenant_id", "parent_id"])
    op.add_column("jobs", sa.Column("parent_id", sa.String(), nullable=True))
    op.create_index("jobs_of_parent", "jobs", ["tenant_id", "parent_id", "state"])
    is_member = sa.text("parent_id IS NOT NULL")
    op.create_index(
        "jobs_of_members",
        "jobs",
        ["tenant_id", "state", "position"],
        sqlite_where=is_member,
        postgresql_where=is_member,
    )
    op.add_column("versions", sa.Column("quarantined_at", sa.DateTime(), nullable=True))
    op.add_column("versions", sa.Column("sealed_values", sa.LargeBinary(), nullable=True))
    op.add_column("versions", sa.Column("sealed_screening", sa.LargeBinary(), nullable=True))
    op.create_index("versions_in_quarantine", "versions", ["tenant_id", "quarantined_at"])
    _create_epochs()
    _move_vectors()
    _create_reviews()
    if op.get_bind().dialect.name == "postgresql":
        for table in _OF_ONE_TENANT:
            _secure(table)


def _secure(table: str) -> None:
    """As the first revision does with what holds content."""
    condition = "tenant_id = nullif(current_setting('app.tenant', true), '')"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY of_tenant ON {table} USING ({condition}) WITH CHECK ({condition})")


def _create_epochs() -> None:
    op.create_table(
        "vectors",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("chunk_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed_vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "chunk_id"],
            ["chunks.tenant_id", "chunks.id"],
            name="fk_vectors_tenant_id_chunk_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "chunk_id", "epoch", name="pk_vectors"),
    )
    op.create_table(
        "epochs",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index_key", sa.LargeBinary(), nullable=False),
        sa.Column("embedding", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_epochs_tenant_id"),
        sa.PrimaryKeyConstraint("tenant_id", "epoch", name="pk_epochs"),
    )


def _move_vectors() -> None:
    """Each chunk's vector is that of the epoch in which its tenant is. The policies hold for the tables' owner too, to
    whom they show no tenant's rows: they are not forced for the moment of the copy."""
    is_secured = op.get_bind().dialect.name == "postgresql"
    if is_secured:
        op.execute("ALTER TABLE chunks NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "INSERT INTO vectors (tenant_id, chunk_id, epoch, sealed_vector)"
        " SELECT chunks.tenant_id, chunks.id, tenants.index_epoch, chunks.sealed_vector"
        " FROM chunks JOIN tenants ON tenants.id = chunks.tenant_id"
    )
    op.drop_column("chunks", "sealed_vector")
    if is_secured:
        op.execute("ALTER TABLE chunks FORCE ROW LEVEL SECURITY")


def _create_reviews() -> None:
    op.create_table(
        "sketches",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("uploader_token", sa.String(), nullable=False),
        sa.Column("sealed_sketch", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "document_id"],
            ["documents.tenant_id", "documents.id"],
            name="fk_sketches_tenant_id_document_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "document_id", "version", name="pk_sketches"),
    )
    op.create_index("sketches_of_uploader", "sketches", ["tenant_id", "uploader_token", "created_at"])
    op.create_table(
        "reviews",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content_token", sa.String(), nullable=False),
        sa.Column("sealed_entry", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_reviews_tenant_id"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_reviews"),
    )
    op.create_index("reviews_of_document", "reviews", ["tenant_id", "document_id", "version"])
    op.create_index("reviews_of_content", "reviews", ["tenant_id", "content_token"])
