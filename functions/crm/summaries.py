"""List the summaries of days."""

from msgspec import Struct
from sqlalchemy import bindparam, select

from neurova import Tx, get

from .domain import Limit, Summary, from_row, summaries


class Summaries(Struct):
    """The summaries of the latest days, latest first."""

    summaries: list[Summary]


_select = select(summaries).order_by(summaries.c.day.desc()).limit(bindparam("limit"))


@get("/summaries", scopes=["crm:read"])
async def list_summaries(tx: Tx, limit: Limit = 50) -> Summaries:
    """List the latest days. The summary of a day is written in the night after it."""
    rows = (await tx.execute(_select, {"limit": limit})).mappings()
    return Summaries([from_row(Summary, row) for row in rows])
