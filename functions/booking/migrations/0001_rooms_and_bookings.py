"""Create the tables rooms, bookings and taken."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# The maximum number of rooms of each type in use on one night of the example data.
COUNTS = {"a": 128, "b": 1, "c": 14, "d": 61, "e": 37, "f": 11, "g": 9, "h": 3}


def upgrade() -> None:
    rooms = op.create_table(
        "rooms",
        sa.Column("type", sa.String(), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
    )
    op.create_table(
        "bookings",
        sa.Column("seq", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(), nullable=False, unique=True),
        sa.Column("consumer", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("room_type", sa.String(), sa.ForeignKey("rooms.type"), nullable=False),
        sa.Column("arrival", sa.Date(), nullable=False),
        sa.Column("nights", sa.Integer(), nullable=False),
        sa.Column("adults", sa.Integer(), nullable=False),
        sa.Column("children", sa.Integer(), nullable=False),
        sa.Column("babies", sa.Integer(), nullable=False),
        sa.Column("meal", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("lead_time", sa.Integer(), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
    )
    op.create_index("bookings_of_consumer", "bookings", ["consumer", "seq"])
    op.create_table(
        "taken",
        sa.Column("room_type", sa.String(), primary_key=True),
        sa.Column("night", sa.Date(), primary_key=True),
        sa.Column("booking", sa.String(), sa.ForeignKey("bookings.id"), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.bulk_insert(rooms, [{"type": type, "count": count} for type, count in COUNTS.items()])


def downgrade() -> None:
    op.drop_table("taken")
    op.drop_table("bookings")
    op.drop_table("rooms")
