"""An open-loop load sends on schedule, and latency counts from the scheduled time."""

from __future__ import annotations

import math
import socketserver
import threading
from collections.abc import Iterator

import pytest
from bench.openloop import WRONG_BODY, Answer, LoadResult, poisson_times, send

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


def answers(*rows: tuple[float, int, float]) -> LoadResult:
    return LoadResult([Answer(*row) for row in rows])


def test_recovery_follows_the_last_slow_answer() -> None:
    result = answers((1.0, 503, 0.1), (2.0, 200, 0.1), (2.5, 503, 0.1), (3.0, 200, 0.9),
                   (3.2, 200, 0.1), (4.0, 200, 0.1))  # fmt: skip
    assert result.recovery_time(2.0, within=0.2) == pytest.approx(1.2)
    assert result.recovery_time(3.1, within=0.2) == 0.0
    assert answers((1.0, 503, 0.1)).recovery_time(0.0, within=1) == math.inf


@pytest.fixture
def served() -> Iterator[int]:
    """Serve calls, but refuse every eighth one."""
    result = [0]
    one = threading.Lock()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                while self.rfile.readline().strip():
                    pass
                with one:
                    result[0] += 1
                    status = b"503 No" if result[0] % 8 == 0 else b"200 OK"
                self.wfile.write(b"HTTP/1.1 %b\r\ncontent-length: 4\r\n\r\n" % status)
                self.wfile.write(b"done")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 512

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.server
def test_each_request_is_recorded_once(served: int) -> None:
    times = poisson_times(400, 1, seed=2)
    result = send(served, REQUEST, times)
    assert [answer.due for answer in result.answers] == times
    assert result.statuses() == {200: len(times) - len(times) // 8, 503: len(times) // 8}


@pytest.mark.server
def test_missing_server_counts_as_unanswered(served: int) -> None:
    assert send(1, REQUEST, [0.0, 0.01]).statuses() == {0: 2}


@pytest.mark.server
def test_wrong_body_is_counted(served: int) -> None:
    assert send(served, REQUEST, [0.0] * 3, answer=b"done").statuses() == {200: 3}
    assert send(served, REQUEST, [0.0] * 3, answer=b"other").statuses() == {WRONG_BODY: 3}
