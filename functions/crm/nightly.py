"""Summarise each day in the night after it."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select

from neurova import Tx, cron

from .domain import customers, stays, summaries

_count_customers = (
    select(func.count())
    .select_from(customers)
    .where(customers.c.created >= bindparam("start"), customers.c.created < bindparam("end"))
)
_count_arrivals = select(
    func.count().label("arrivals"), func.coalesce(func.sum(stays.c.total), 0).label("total")
).where(stays.c.arrival == bindparam("day"), stays.c.status == "booked")
_insert = summaries.insert()


@cron("0 3 * * *", zone="Europe/Istanbul")
async def summarise_day(scheduled: datetime, tx: Tx) -> None:
    """Store the new customers and the arrivals of the day before."""
    end = scheduled.replace(hour=0, minute=0)
    start = end - timedelta(days=1)
    created = (await tx.execute(_count_customers, {"start": start, "end": end})).scalar_one()
    arrivals = (await tx.execute(_count_arrivals, {"day": start.date()})).mappings().one()
    await tx.execute(_insert, {"day": start.date(), "customers": created, **arrivals})
