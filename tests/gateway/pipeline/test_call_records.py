"""Each call record reaches every sink once; a failing sink does not affect the others."""

from __future__ import annotations

import logging
from asyncio import CancelledError
from collections.abc import Sequence
from pathlib import Path
from time import time

import pytest
from tests.serving import until

from neurova.http.call import Call
from neurova.http.caller import Caller
from neurova_gateway.metrics.call_counters import CallCounters
from neurova_gateway.metrics.totals import read_totals
from neurova_gateway.pipeline.call_records import CallRecord, CallRecords


class ListSink:
    def __init__(self) -> None:
        self.records: list[CallRecord] = []

    def write(self, records: Sequence[CallRecord]) -> None:
        self.records.extend(records)


class FailingSink:
    error: BaseException | None = RuntimeError("disk full")

    def write(self, records: Sequence[CallRecord]) -> None:
        if self.error is not None:
            raise self.error


def answered(path: bytes = b"/a") -> Call:
    call = Call("GET", path, b"key=nrv_live_secret", [], "127.0.0.1")
    call.caller = Caller("acme", "k1")
    call.trace_id = 7
    return call


def test_record_has_consumer_and_trace_but_no_key() -> None:
    sink = ListSink()
    records = CallRecords([sink])
    records.add(answered(b"/nrv_test_abcdef"), 404, 5)
    records.flush()
    [record] = sink.records
    assert (record.consumer, record.status, record.bytes) == ("acme", 404, 5)
    assert record.trace_id == f"{7:032x}"
    assert "abcdef" not in record.path
    assert "secret" not in repr(record)


def test_flushes_neither_lose_nor_repeat_records() -> None:
    sink = ListSink()
    records = CallRecords([sink], interval=3600)
    records.start()
    for size in range(1000):
        records.add(answered(), 200, size)
        if size % 7 == 0:
            records.flush()
    records.stop()
    assert [record.bytes for record in sink.records] == list(range(1000))
    assert records.flushed == 1000


def test_records_beyond_bound_are_dropped_and_counted() -> None:
    records = CallRecords([], bound=3)
    for _ in range(5):
        records.add(answered(), 200, 5)
    assert records.dropped == 2


def test_failing_sink_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    failing, working = FailingSink(), ListSink()
    records = CallRecords([failing, working])

    def add_and_flush() -> None:
        records.add(answered(), 200, 5)
        records.flush()

    with caplog.at_level(logging.ERROR, "neurova.gateway"):
        add_and_flush()
        add_and_flush()
        assert len(caplog.records) == 1  # one message per series of failures
        assert "FailingSink cannot write call records" in caplog.text
        failing.error = None
        add_and_flush()
        failing.error = OSError("full again")
        add_and_flush()
        assert len(caplog.records) == 2
    assert len(working.records) == 4
    assert records.dropped == 3


@pytest.mark.parametrize("error", [SystemExit(1), CancelledError()], ids=["exit", "cancelled"])
def test_thread_survives_what_a_sink_raises(error: BaseException) -> None:
    failing, working = FailingSink(), ListSink()
    failing.error = error
    records = CallRecords([failing, working], interval=0.001)
    records.start()
    for size in (1, 2):  # the second call comes after the error
        records.add(answered(), 200, size)
        until(lambda: bool(working.records) and working.records[-1].bytes == size)  # noqa: B023
    records.stop()


def test_duration_is_never_negative(tmp_path: Path) -> None:
    """The wall clock may be set back while a call runs."""
    sink, counters = ListSink(), CallCounters(tmp_path)
    counters.open()
    records = CallRecords([sink, counters])
    call = answered()
    call.started = time() + 3600
    records.add(call, 200, 5)
    records.flush()
    counters.close()
    assert sink.records[0].ms == 0
    assert read_totals(tmp_path).calls == {("", "GET", 200): 1}
