"""Access records are written off the path, and lose nothing but what is counted."""

import json
from pathlib import Path
from time import time

from neurova.http.call import Call
from neurova.http.caller import Caller
from neurova_gateway.metrics.counting import Counting
from neurova_gateway.metrics.totals import read
from neurova_gateway.metrics.worker_file import claim
from neurova_gateway.pipeline.access_log import AccessLog, Record


def called(path: bytes = b"/a") -> Call:
    call = Call("GET", path, b"key=nrv_live_secret", [], "127.0.0.1")
    call.caller = Caller("acme", "k1")
    call.trace_id = 7
    return call


def test_a_record_says_who_called_what_and_never_a_key(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "logs" / "access.jsonl")
    log.add(called(b"/nrv_test_abcdef"), 200, 5)
    log.flush()
    text = (tmp_path / "logs" / "access.jsonl").read_text()
    record = json.loads(text)
    assert record["consumer"] == "acme"
    assert record["trace_id"] == f"{7:032x}"
    assert "abcdef" not in text
    assert "secret" not in text


def test_what_was_gathered_is_written_at_the_end(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.jsonl", interval=3600)
    log.start()
    for _ in range(1000):
        log.add(called(), 200, 5)
    log.stop()
    assert len((tmp_path / "access.jsonl").read_text().splitlines()) == 1000


def test_beyond_its_bound_records_are_dropped_and_counted(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.jsonl", bound=3)
    for _ in range(5):
        log.add(called(), 200, 5)
    assert log.dropped == 2


def test_a_file_that_cannot_be_written_costs_records_not_calls(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    log = AccessLog(tmp_path / "logs" / "access.jsonl")
    log.add(called(), 200, 5)
    log.flush()
    assert log.dropped == 1


def test_the_file_rotates_and_only_so_many_are_kept(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.jsonl", max_bytes=1, keep=2)
    for _ in range(5):
        log.add(called(), 200, 5)
        log.flush()
    kept = sorted(file.name for file in tmp_path.glob("*.jsonl"))
    assert kept == ["access.1.jsonl", "access.2.jsonl"]


def test_each_batch_can_be_watched() -> None:
    seen: list[Record] = []
    log = AccessLog(None, watch=seen.extend)
    log.add(called(), 404, 0)
    log.flush()
    assert [(record.path, record.status) for record in seen] == [("/a", 404)]


def test_a_wall_clock_that_is_set_back_makes_no_call_shorter_than_nothing(tmp_path: Path) -> None:
    counting = Counting(claim(tmp_path / "counters"))
    log = AccessLog(tmp_path / "access.jsonl", watch=counting.watch)
    call = called()
    call.started = time() + 3600
    log.add(call, 200, 5)
    log.flush()
    counting.close()
    assert json.loads((tmp_path / "access.jsonl").read_text())["ms"] == 0
    assert read(tmp_path / "counters").calls == {("", "GET", 200): 1}


def test_batches_lose_no_record_and_write_none_twice() -> None:
    seen: list[Record] = []
    log = AccessLog(None, watch=seen.extend)
    for size in range(1000):
        log.add(called(), 200, size)
        if size % 7 == 0:
            log.flush()
    log.flush()
    log.flush()
    assert [record.bytes for record in seen] == list(range(1000))
