"""Create the table of responses stored under an Idempotency-Key."""

import sqlalchemy as sa
from alembic import op

revision = "nv0001"
down_revision = None


def upgrade() -> None:
    """Create the table and its index."""
    op.create_table(
        "nv_idempotency",
        sa.Column("key", sa.LargeBinary(), primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("fields", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
    )
    op.create_index("nv_idempotency_expires", "nv_idempotency", ["expires"])
