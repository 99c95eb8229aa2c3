"""Create the table of schedules."""

import sqlalchemy as sa
from alembic import op

revision = "nv0003"
down_revision = "nv0002"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "nv_schedule",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("schedule", sa.String(), nullable=False),
        sa.Column("finished", sa.Double(), nullable=False),
        sa.Column("pending", sa.Double(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("due", sa.Double(), nullable=False),
    )
