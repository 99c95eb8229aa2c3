"""Create the table stays."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "stays",
        sa.Column("seq", sa.Integer(), primary_key=True),
        sa.Column("booking", sa.String(), nullable=False, unique=True),
        sa.Column("customer", sa.String(), sa.ForeignKey("customers.id")),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("room_type", sa.String(), nullable=False),
        sa.Column("arrival", sa.Date(), nullable=False),
        sa.Column("nights", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("consumer", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
    )
    op.create_index("stays_of_customer", "stays", ["customer", "arrival", "seq"])


def downgrade() -> None:
    op.drop_table("stays")
