"""A function's log lines carry the call they belong to."""

import logging
from typing import Any

import pytest

from neurova.log import Log


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_a_line_has_message_fields_and_call(caplog: Any, level: str) -> None:
    log = Log("shop.f", "ada", 255)
    with caplog.at_level(logging.DEBUG, "neurova.function"):
        getattr(log, level)("100% sold", room=3, function="spoof")
    (record,) = caplog.records
    assert record.levelname == level.upper()
    assert record.getMessage() == "100% sold"
    assert record.neurova == {
        "room": 3,
        "function": "shop.f",
        "consumer": "ada",
        "trace_id": f"{255:032x}",
    }
    assert record.filename == "test_log.py"


def test_what_is_not_known_is_left_out(caplog: Any) -> None:
    Log("shop.f").warning("hm")
    assert caplog.records[0].neurova == {"function": "shop.f"}


def test_an_exception_comes_with_its_traceback(caplog: Any) -> None:
    try:
        raise KeyError("k")
    except KeyError:
        Log("shop.f").exception("failed")
    assert "KeyError" in caplog.text


def test_a_level_that_is_off_costs_no_record(caplog: Any) -> None:
    with caplog.at_level(logging.ERROR, "neurova.function"):
        Log("shop.f").info("quiet")
    assert not caplog.records
