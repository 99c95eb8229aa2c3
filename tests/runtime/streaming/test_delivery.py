"""What goes wrong in a stream is a problem before its head, and cuts it after."""

import asyncio
import json
import logging
from typing import Any

import pytest

HEAD = "from neurova import *\nimport asyncio\n"
KINDS = pytest.mark.parametrize("kind", ["async def", "def"])
ERRORS = pytest.mark.parametrize(
    "error", ["ValueError('secret')", "SystemExit(1)", "KeyboardInterrupt", "StopIteration"]
)


@KINDS
@ERRORS
def test_a_failure_before_the_first_item_is_500(
    house: Any, caplog: Any, kind: str, error: str
) -> None:
    function = house.function(
        HEAD + f'@get("/x")\n{kind} f():\n    if 1:\n        raise {error}\n    yield 1\n'
    )
    reply = house.ask(function)
    assert reply.status == 500
    assert b"secret" not in reply.body
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert function.concurrency.running == 0


@KINDS
def test_a_refusal_before_the_first_item_is_its_problem(house: Any, caplog: Any, kind: str) -> None:
    function = house.function(
        HEAD + f'@get("/x")\n{kind} f():\n    if 1:\n        raise Reject(409, "sold")\n    yield\n'
    )
    reply = house.ask(function)
    assert (reply.status, json.loads(reply.body)["detail"]) == (409, "sold")
    assert not caplog.records


@KINDS
@ERRORS
def test_a_failure_after_it_cuts_the_stream_and_is_logged_with_its_id(
    house: Any, caplog: Any, kind: str, error: str
) -> None:
    function = house.function(HEAD + f'@get("/x")\n{kind} f():\n    yield 1\n    raise {error}\n')
    call = house.call()
    call.trace_id = 255
    _, basin = asyncio.run(house.streamed(function, call))
    assert basin.pieces == [b"1\n"]
    assert basin.ended == 500
    assert f"{255:032x}" in caplog.text
    assert function.concurrency.running == 0


def test_a_refusal_after_it_cuts_the_stream_and_says_so_in_the_log(house: Any, caplog: Any) -> None:
    function = house.function(
        HEAD + '@get("/x")\nasync def f():\n    yield 1\n    raise Reject(409)\n'
    )
    _, basin = asyncio.run(house.streamed(function))
    assert basin.ended == 500
    assert "Reject(409) raised after its start" in caplog.text


def test_an_item_that_cannot_be_encoded_cuts_the_stream(house: Any) -> None:
    function = house.function(
        HEAD + '@get("/x")\nasync def f():\n    yield 1\n    yield object()\n    yield 2\n'
    )
    _, basin = asyncio.run(house.streamed(function))
    assert (basin.pieces, basin.ended) == ([b"1\n"], 500)


@pytest.mark.parametrize("item", ["object()", "'\\udce9'"])
def test_a_first_item_that_cannot_be_encoded_is_500(house: Any, item: str) -> None:
    function = house.function(HEAD + f'@get("/x")\nasync def f():\n    yield {item}\n')
    assert house.ask(function).status == 500


def test_a_function_with_a_tx_cannot_return_a_stream(house: Any, caplog: Any) -> None:
    function = house.function(
        HEAD + '@post("/x")\nasync def f(tx: Tx):\n    await tx.execute(1)\n    return iter("a")\n'
    )
    assert house.ask(function, house.call(method="POST")).status == 500
    assert "a function with a Tx cannot stream" in caplog.text
    assert house.ledger.events == ["rollback"]
