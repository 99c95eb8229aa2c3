"""Create the tables of events: outbox, inbox and parked events."""

import sqlalchemy as sa
from alembic import op

revision = "nv0002"
down_revision = "nv0001"


def upgrade() -> None:
    """Create the tables and their indexes."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "nv_outbox",
        sa.Column("seq", number, primary_key=True),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("schema", sa.String(), nullable=False),
        sa.Column("time", sa.Double(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "nv_inbox",
        sa.Column("subscription", sa.String(), primary_key=True),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("time", sa.Double(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("nv_inbox_time", "nv_inbox", ["time"])
    op.create_table(
        "nv_parked",
        sa.Column("seq", number, primary_key=True),
        sa.Column("subscription", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("time", sa.Double(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.LargeBinary(), nullable=False),
        sa.Column("due", sa.Double()),
        sqlite_autoincrement=True,
    )
    op.create_index("nv_parked_key", "nv_parked", ["subscription", "key", "seq"])
    op.create_index("nv_parked_id", "nv_parked", ["subscription", "id"], unique=True)
