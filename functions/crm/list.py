"""List customers, page by page."""

from msgspec import Struct
from sqlalchemy import select

from neurova import Tx, get

from .domain import (
    STORED,
    Company,
    Customer,
    Email,
    Limit,
    Moment,
    Phone,
    Place,
    Stage,
    customers,
    read,
    tidy,
    utc,
)


class Customers(Struct):
    """Give some customers, oldest first; `next` is the `after` of the next page, or null."""

    customers: list[Customer]
    next: int | None


@get("/customers", scopes=["crm:read"])
async def list_customers(
    tx: Tx,
    after: Place = 0,
    limit: Limit = 50,
    company: Company | None = None,
    email: Email | None = None,
    phone: Phone | None = None,
    stage: Stage | None = None,
    changed_from: Moment | None = None,
) -> Customers:
    """List the customers in the order in which they came in; merged ones are not among them."""
    sought = tidy({"company": company, "email": email, "phone": phone, "stage": stage})
    wanted = [customers.c[name] == value for name, value in sought.items() if value is not None]
    if changed_from is not None:
        wanted.append(customers.c.changed >= utc(changed_from, "/changed_from", "query"))
    page = (
        select(customers.c.seq, *STORED)
        .where(customers.c.merged_into.is_(None), customers.c.seq > after, *wanted)
        .order_by(customers.c.seq)
        .limit(limit + 1)
    )
    rows = (await tx.execute(page)).mappings().all()
    found = [read(Customer, row) for row in rows[:limit]]
    return Customers(found, rows[limit - 1]["seq"] if len(rows) > limit else None)
