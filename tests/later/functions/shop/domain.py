"""The tables of the service."""

import sqlalchemy as sa

metadata = sa.MetaData()
sold = sa.Table(
    "sold",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
)
