"""Sell an item."""

from neurova import Tx, post

from .domain import Sold


@post("/sell/{item}/{buyer}", public=True)
async def sell(item: str, buyer: str, tx: Tx) -> None:
    tx.publish(Sold(item, buyer))
