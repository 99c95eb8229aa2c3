"""When leases are renewed and replaced."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurova.leases.timing import Action, Lease, Step, next_step, pause_after_failure

HOUR = Lease(0.0, 3600.0, 3600.0, is_renewable=True)
JITTERED = Lease(0.0, 3600.0, 3600.0, is_renewable=True, jitter=1.0)
CAPPED = HOUR.renewed(2400.0, 1200.0, 0.0)
FIXED = Lease(0.0, 3600.0, 3600.0, is_renewable=False)
ENDLESS = Lease(0.0, math.inf, math.inf, is_renewable=False)


@pytest.mark.parametrize(
    ("leases", "now", "step"),
    [
        ([HOUR], 0.0, Step(Action.WAIT, 2400.0)),
        ([JITTERED], 0.0, Step(Action.WAIT, 2040.0)),
        ([HOUR], 2400.0, Step(Action.RENEW, 2400.0)),
        ([HOUR], 3600.0, Step(Action.REPLACE, 3600.0)),
        ([HOUR.renewed(2400.0, 3600.0, 0.0)], 2401.0, Step(Action.WAIT, 4800.0)),
        # Vault rounds down, so 3599 of 3600 does not mean that the max TTL is near; 1200 does.
        ([HOUR.renewed(2400.0, 3599.0, 0.0)], 2401.0, Step(Action.WAIT, 2400.0 + 3599.0 * (2 / 3))),
        ([CAPPED], 2400.0, Step(Action.REPLACE, 2400.0)),
        ([FIXED], 2399.0, Step(Action.WAIT, 2400.0)),
        ([FIXED], 2400.0, Step(Action.REPLACE, 2400.0)),
        ([ENDLESS, HOUR], 0.0, Step(Action.WAIT, 2400.0)),
        ([ENDLESS], 0.0, Step(Action.WAIT, math.inf)),
        ([HOUR, FIXED], 2400.0, Step(Action.REPLACE, 2400.0)),
        ([ENDLESS, CAPPED], 2400.0, Step(Action.REPLACE, 2400.0)),
    ],
)
def test_next_step(leases: list[Lease], now: float, step: Step) -> None:
    assert next_step(leases, now) == step


@given(
    ttl=st.integers(2, 100),
    times=st.floats(1.0, 20.0),
    jitters=st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_credential_never_ends_while_vault_answers(
    ttl: int, times: float, jitters: list[float]
) -> None:
    """Simulate Vault; each replacement leaves a third of the TTL for running transactions."""
    max_ttl = ttl * times
    now, taken, lease, number = 0.0, 0.0, Lease(0.0, ttl, ttl, True, jitters[0]), 0
    replaced: list[tuple[float, float]] = []
    while len(replaced) < 5:
        number += 1
        jitter = jitters[number % len(jitters)]
        step = next_step([lease], now)
        assert now <= step.at < lease.ends or step.at == now < lease.ends
        now = step.at
        if step.action is Action.RENEW:
            seconds = math.floor(min(ttl, taken + max_ttl - now))  # Vault rounds down
            lease = lease.renewed(now, seconds, jitter)
        elif step.action is Action.REPLACE:
            replaced.append((now, lease.ends))
            taken, lease = now, Lease(now, ttl, ttl, True, jitter)
    assert all(ends - at >= ttl * 0.3 for at, ends in replaced)
    assert all(later - at >= ttl * 0.5 for (at, _), (later, _) in pairwise(replaced))


@given(remaining=st.floats(0.001, 86_400), jitter=st.floats(0, 1))
def test_attempts_repeat_often_enough_until_the_end(remaining: float, jitter: float) -> None:
    pause = pause_after_failure(remaining, jitter)
    assert 0.025 <= pause <= 5.0
    assert pause <= max(remaining / 20, 0.05)
