"""A function's log lines carry the call they belong to."""

import logging
from typing import Any

import pytest

from neurova.telemetry.log import Log


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


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "exception"])
def test_no_field_says_whose_call_it_is(caplog: Any, level: str) -> None:
    """Of a call by nobody either; any name may be a field's, and none is an error."""
    forged = {"function": "g", "consumer": "root", "trace_id": "1", "message": "m", "self": 1}
    with caplog.at_level(logging.DEBUG, "neurova.function"):
        getattr(Log("shop.f"), level)("said", **forged)
    (record,) = caplog.records
    assert record.getMessage() == "said"
    assert record.neurova == {"function": "shop.f", "message": "m", "self": 1}


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
