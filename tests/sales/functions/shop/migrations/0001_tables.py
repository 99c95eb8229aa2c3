"""Create the tables, which may have the same row twice."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("kept", sa.Column("number", sa.Integer(), nullable=False))
    op.create_table("ticks", sa.Column("scheduled", sa.Text(), nullable=False))
