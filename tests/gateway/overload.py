"""Put a platform under overload."""

from __future__ import annotations

from math import inf
from time import time

from neurova_platform.testing.platform import TestPlatform


def overload(running: TestPlatform, *heavy: str) -> None:
    """Refuse all calls of the `heavy` functions of the probe, as if they had to wait too long."""
    admission = running.platform.gateway.admission
    admission.queue_delay.enter_overload(time())
    admission.queue_delay.limit, admission.queue_delay._next_review = -1.0, inf
    admission.watch_after = -inf
    for function in running.platform.functions():
        if function.name.partition(".")[2] in heavy:
            function.cost.record(0.005)
