"""The access log holds one JSON line per call and rotates."""

import json
from pathlib import Path

from neurova.http.call import Call
from neurova_gateway.pipeline.access_log import AccessLog
from neurova_gateway.pipeline.call_records import CallRecord, CallRecords

RECORD = CallRecord(1.5, "GET", "/a", 200, 0.25, 5, "a.b", "acme", "k1", "127.0.0.1", "0" * 32)


def test_each_record_is_a_json_line(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "access.jsonl"
    AccessLog(path).write([RECORD, RECORD])
    lines = path.read_text().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0])["route"] == "a.b"


def test_unwritable_file_drops_records_not_calls(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    records = CallRecords([AccessLog(tmp_path / "logs" / "access.jsonl")])
    records.add(Call("GET", b"/a", b"", [], "127.0.0.1"), 200, 5)
    records.flush()
    assert records.dropped == 1


def test_rotation_keeps_the_newest_files(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.jsonl", max_bytes=1, keep=2)
    for _ in range(5):
        log.write([RECORD])
    kept = sorted(file.name for file in tmp_path.glob("*.jsonl"))
    assert kept == ["access.1.jsonl", "access.2.jsonl"]
