"""List what was sold."""

from sqlalchemy import select

from neurova import Tx, get

from .domain import sold


@get("/sales", scopes=["shop:sell"])
async def list_sales(tx: Tx) -> list[int]:
    rows = await tx.execute(select(sold.c.number).order_by(sold.c.number))
    return [row[0] for row in rows]
