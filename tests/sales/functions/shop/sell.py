"""Sell some items."""

from neurova import Tx, post

from .domain import Sold


@post("/sell/{count}", public=True)
async def sell(count: int, tx: Tx) -> None:
    for number in range(count):
        tx.publish(Sold(number))
