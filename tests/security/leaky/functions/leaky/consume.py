"""Fail with an error that contains secrets."""

from neurova import Log, on

from .domain import Leaked, spellings


@on(Leaked, retries=0)
async def consume(leaked: Leaked, log: Log) -> None:
    log.error("failing", secret=spellings())
    raise RuntimeError(spellings())
