"""Log lines of a function carry its call."""

import logging
from typing import Any

import pytest

from neurova.telemetry.log import Log


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_line_has_message_fields_and_call(caplog: Any, level: str) -> None:
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
def test_fields_cannot_replace_the_calls_own(caplog: Any, level: str) -> None:
    """Not for an anonymous call either; any other name may be a field's."""
    forged = {"function": "g", "consumer": "root", "trace_id": "1", "message": "m", "self": 1}
    with caplog.at_level(logging.DEBUG, "neurova.function"):
        getattr(Log("shop.f"), level)("sent", **forged)
    (record,) = caplog.records
    assert record.getMessage() == "sent"
    assert record.neurova == {"function": "shop.f", "message": "m", "self": 1}


def test_unknown_values_are_omitted(caplog: Any) -> None:
    Log("shop.f").warning("hm")
    assert caplog.records[0].neurova == {"function": "shop.f"}


def test_exception_has_its_traceback(caplog: Any) -> None:
    try:
        raise KeyError("k")
    except KeyError:
        Log("shop.f").exception("failed")
    assert "KeyError" in caplog.text


def test_disabled_level_makes_no_record(caplog: Any) -> None:
    with caplog.at_level(logging.ERROR, "neurova.function"):
        Log("shop.f").info("quiet")
    assert not caplog.records
