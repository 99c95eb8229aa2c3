"""Count the sales of each buyer in order."""

from neurova import Tx, on

from .domain import Sold, check


@on(Sold, ordered="buyer", retries=0)
async def count(sold: Sold, tx: Tx) -> None:
    check(sold)
