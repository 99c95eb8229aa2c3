"""Sell an item with a secret and a transaction."""

from typing import Annotated

from neurova import Secret, Tx, post

from .domain import Sold


@post("/sell/{item}", public=True)
async def sell(item: str, tx: Tx, token: Annotated[Secret, "stripe#token"]) -> str:
    tx.publish(Sold(item))
    return token.value
