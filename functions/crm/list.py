"""List customers, page by page."""

from msgspec import Struct
from sqlalchemy import select

from neurova import Tx, get

from .domain import (
    CUSTOMER_COLUMNS,
    Company,
    Customer,
    Email,
    Limit,
    Moment,
    Phone,
    Position,
    Stage,
    customers,
    from_row,
    normalize,
    to_utc,
)


class Customers(Struct):
    """A page of customers, oldest first. Pass `next` as `after`; null: no more."""

    customers: list[Customer]
    next: int | None


@get("/customers", scopes=["crm:read"])
async def list_customers(
    tx: Tx,
    after: Position = 0,
    limit: Limit = 50,
    company: Company | None = None,
    email: Email | None = None,
    phone: Phone | None = None,
    stage: Stage | None = None,
    changed_from: Moment | None = None,
) -> Customers:
    """List the customers in order of creation, without merged ones."""
    values = normalize({"company": company, "email": email, "phone": phone, "stage": stage})
    conditions = [customers.c[name] == value for name, value in values.items() if value is not None]
    if changed_from is not None:
        changed = to_utc(changed_from, "/changed_from", "query")
        conditions.append(customers.c.changed >= changed)
    statement = (
        select(customers.c.seq, *CUSTOMER_COLUMNS)
        .where(customers.c.merged_into.is_(None), customers.c.seq > after, *conditions)
        .order_by(customers.c.seq)
        .limit(limit + 1)
    )
    rows = (await tx.execute(statement)).mappings().all()
    found = [from_row(Customer, row) for row in rows[:limit]]
    return Customers(found, rows[limit - 1]["seq"] if len(rows) > limit else None)
