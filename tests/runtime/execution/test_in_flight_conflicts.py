"""A function whose transaction clashed with another's runs again, from its start."""

from __future__ import annotations

from typing import Any

import pytest

from neurova.endpoints.function import ConcurrentFunction

HEAD = """
import asyncio
import msgspec
from neurova import Reject, Tx, get, post

seen = []


class Order(msgspec.Struct):
    items: list[str]
"""
FUNCTION = """
@post("/x", public=True, {0})
async def f(order: Order, tx: Tx) -> int:
    seen.append(list(order.items))
    order.items.clear()
    {1}
    return len(seen)
"""


def made(house: Any, body: str, options: str = "timeout=30") -> ConcurrentFunction:
    function = house.function(HEAD + FUNCTION.format(options, body))
    assert isinstance(function, ConcurrentFunction)
    return function


@pytest.mark.parametrize(
    "body",
    [
        "await tx.execute('row')",
        "try:\n        await tx.execute('row')\n    except Exception:\n        pass",
        "try:\n        await tx.execute('row')\n    except Exception:\n        raise Reject(409)",
    ],
    ids=["raises", "swallows", "rejects"],
)
def test_it_runs_again_whatever_it_made_of_the_clash_with_its_arguments_as_they_came(
    house: Any, body: str
) -> None:
    function = made(house, body)
    house.ledger.conflicts = 3
    reply = house.ask(function, house.call({"items": ["a"]}))
    assert (reply.status, reply.body) == (200, b"4")
    assert house.ledger.entries == ["row"]
    assert house.ledger.events == ["rollback"] * 3 + ["commit"]
    assert len(house.ledger.opened) == 1
    assert function.handler.__globals__["seen"] == [["a"]] * 4


def test_it_runs_again_until_the_deadline_then_503(house: Any) -> None:
    function = made(house, "await tx.execute('row')", "timeout=60")
    house.ledger.spare = 59.8  # so far before its own end that the call cannot have that instead
    house.ledger.conflicts = 1_000_000
    reply = house.ask(function, house.call({"items": []}))
    assert reply.status == 503
    assert (b"retry-after", b"1") in reply.fields
    assert house.ledger.entries == []
    assert set(house.ledger.events) == {"rollback"}


def test_what_it_raises_without_a_clash_is_not_run_again(house: Any) -> None:
    function = made(house, "raise Reject(409)")
    assert house.ask(function, house.call({"items": []})).status == 409
    assert house.ledger.events == ["rollback"]


def test_a_function_whose_time_is_over_is_not_run_again(house: Any) -> None:
    body = "try:\n        await tx.execute('row')\n    except Exception:\n        pass\n"
    function = made(house, body + "    await asyncio.sleep(60)", "timeout=0.05")
    house.ledger.conflicts = 5
    assert house.ask(function, house.call({"items": []})).status == 504
    assert house.ledger.events == ["rollback"]
