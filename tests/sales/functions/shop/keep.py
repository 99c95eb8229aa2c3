"""Keep each sale but the one with number 7, which cannot be kept."""

from neurova import Tx, on

from .domain import Sold, kept


@on(Sold, retries=1, backoff=1)
async def keep(sold: Sold, tx: Tx) -> None:
    await tx.execute(kept.insert(), {"number": sold.number})
    if sold.number == 7:
        raise ValueError("7 cannot be kept")
