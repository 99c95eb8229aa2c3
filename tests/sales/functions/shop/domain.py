"""The tables and events of the shop."""

import sqlalchemy as sa

from neurova import Event

metadata = sa.MetaData()
kept = sa.Table("kept", metadata, sa.Column("number", sa.Integer, nullable=False))
ticks = sa.Table("ticks", metadata, sa.Column("scheduled", sa.Text, nullable=False))


class Sold(Event):
    number: int
