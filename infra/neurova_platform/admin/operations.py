"""The operations of the Admin API. A package adds its own to this list."""

from neurova_gateway.admin.operation import Operation
from neurova_gateway.admin.operations import (
    calls,
    consumers,
    dead_letters,
    functions,
    health,
    keys,
    limits,
    live,
    metrics,
    platform,
    traces,
    workers,
)

OPERATIONS: tuple[Operation, ...] = (
    *health.OPERATIONS,
    *metrics.OPERATIONS,
    *platform.OPERATIONS,
    *workers.OPERATIONS,
    *functions.OPERATIONS,
    *keys.OPERATIONS,
    *consumers.OPERATIONS,
    *limits.OPERATIONS,
    *live.OPERATIONS,
    *calls.OPERATIONS,
    *dead_letters.OPERATIONS,
    *traces.OPERATIONS,
)
