"""Record each minute."""

from datetime import datetime

from neurova import Tx, every

from .domain import ticks


@every("minute")
async def tick(scheduled: datetime, tx: Tx) -> None:
    await tx.execute(ticks.insert(), {"scheduled": scheduled.isoformat()})
