"""Send a mail for each sale, in any order and without a transaction."""

from neurova import on

from .domain import Sold, check


@on(Sold, retries=1, backoff=1)
async def send(sold: Sold) -> None:
    check(sold)
