"""`neurova run` loses no log line on SIGTERM, and no call waits for a log store."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from tests.contracts.log_stores import search_opensearch, search_victoria
from tests.serving import Serving, serving

from neurova.logs.search import LineFilter, find_lines
from neurova_platform import http_client

pytestmark = pytest.mark.server
CALLS = 100
FUNCTION = """
from neurova import Log, get

@get("/talk", public=True)
async def talk(log: Log) -> dict[str, int]:
    log.info("said hello", room=3)
    return {}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "functions" / "shop"
    folder.mkdir(parents=True)
    (folder / "talk.py").write_text(FUNCTION)
    (tmp_path / "neurova.toml").touch()
    return tmp_path


def call(served: Serving, trace: str) -> None:
    url = served.event("ready")["url"]
    traceparent = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    for _ in range(CALLS):
        assert http_client.send(url, "GET", "/talk", traceparent, None).status == 200


def lines_in_file(project: Path, trace: str) -> list[str]:
    file = project / ".neurova" / "logs" / "neurova.jsonl"
    return [line.message for line in find_lines(file, LineFilter(trace_id=trace), 10_000)]


@pytest.mark.parametrize(
    ("server", "prefix", "search"),
    [
        ("victorialogs", "loki+{}/insert", search_victoria),
        ("opensearch", "elasticsearch+{}", search_opensearch),
    ],
)
def test_each_line_is_found_after_sigterm(
    project: Path,
    request: pytest.FixtureRequest,
    server: str,
    prefix: str,
    search: Callable[[str, str], list[str]],
) -> None:
    url, trace = request.getfixturevalue(server), uuid4().hex
    if server == "opensearch":  # creating the first index is slower than a stop may wait
        search_warm(url, prefix)
    variables = {"NEUROVA_LOGS_URL": prefix.format(url)}
    with serving(project, "run", "--workers", "2", variables=variables) as served:
        call(served, trace)
        assert served.end(signal.SIGTERM)[0] == 0
    expected = ["GET /talk 200"] * CALLS + ["said hello"] * CALLS
    assert sorted(search(url, trace)) == expected
    assert lines_in_file(project, trace) == ["said hello"] * CALLS


def search_warm(url: str, prefix: str) -> None:
    """Create the index template and today's index."""
    from datetime import UTC, datetime

    from neurova.logs.base import LogLine
    from neurova.logs.elasticsearch import ElasticsearchStore
    from neurova.logs.encode import encode_lines

    store = ElasticsearchStore(prefix.format(url), 120.0)
    assert store.write(encode_lines([LogLine(datetime.now(UTC), "INFO", "x", "warm")])) == 0


@contextmanager
def hung_server() -> Iterator[str]:
    """Accept connections but never respond."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"loki+http://127.0.0.1:{listener.getsockname()[1]}"


def test_hung_store_delays_neither_calls_nor_the_exit(project: Path) -> None:
    trace = uuid4().hex
    with hung_server() as url, serving(project, "run", variables={"NEUROVA_LOGS_URL": url}) as run:
        call(run, trace)
        assert run.end(signal.SIGTERM)[0] == 0
    messages = lines_in_file(project, trace)
    assert messages == ["said hello"] * CALLS
    text = (project / ".neurova" / "logs" / "neurova.jsonl").read_text()
    assert f"{2 * CALLS} log lines were not sent to loki" in text


def test_no_torn_line_breaks_a_reader_after_kill_9(project: Path) -> None:
    first, second = uuid4().hex, uuid4().hex
    with serving(project, "run", "--workers", "2") as run:
        call(run, first)
        run.process.kill()
        run.process.wait()
    file = project / ".neurova" / "logs" / "neurova.jsonl"
    with file.open("ab") as torn:  # a partial line, as a kill leaves it
        torn.write(b'{"time":"2026-11-30T00:00:00Z","level":"IN')
    with serving(project, "run") as run:
        call(run, second)
        assert run.end(signal.SIGTERM)[0] == 0
    assert lines_in_file(project, second) == ["said hello"] * CALLS
    whole = [line for line in file.read_bytes().splitlines() if line.endswith(b"}")]
    assert len(list(map(json.loads, whole))) >= CALLS
