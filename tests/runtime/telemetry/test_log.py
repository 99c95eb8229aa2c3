"""A function's log lines contain the ids of its call."""

import logging
from typing import Any

import pytest

from neurova.telemetry.log import Log


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "exception"])
@pytest.mark.parametrize(
    ("log", "call"),
    [
        (Log("shop.f"), {"function": "shop.f"}),
        (Log("shop.f", "ada", 255), {"consumer": "ada", "trace_id": f"{255:032x}"}),
    ],
)
def test_line_has_message_fields_and_call(
    caplog: Any, log: Log, call: dict[str, str], level: str
) -> None:
    forged = {"function": "g", "consumer": "root", "trace_id": "1", "message": "m", "self": 1}
    with caplog.at_level(logging.DEBUG, "neurova.function"):
        getattr(log, level)("100% sold", **forged)
    (record,) = caplog.records
    assert (record.levelname, record.filename) == (
        "ERROR" if level == "exception" else level.upper(),
        "test_log.py",
    )
    assert record.getMessage() == "100% sold"
    assert record.neurova == {"function": "shop.f", "message": "m", "self": 1, **call}


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
