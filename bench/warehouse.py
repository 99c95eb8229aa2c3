"""P12: the warehouse on DuckDB: ingest, reports over 20 million calls, and what calls pay for one.

Ingest: BookingCreated from the bus's bytes to a committed table, one process, in batches of 10,000:
at least 150,000 events/s a core. Reports: median at most 1 s. While a heavy query runs again and
again, the gateway in interleaved rounds: at least 95 % of the calls/s and at most 1.2 x the p99.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import duckdb
from functions.booking.domain import BookingCreated

from neurova.bus.base import Message
from neurova.errors import NeurovaError
from neurova.events.codec import codec_of, with_head
from neurova.warehouse.base import Limits
from neurova.warehouse.duckdb import DuckDBWarehouse
from neurova.warehouse.sink import Policy, Sink
from neurova.warehouse.socket import RemoteOperations
from neurova.warehouse.spool import CALLS

from . import quote
from .figure import Figure
from .load import Wrk
from .project import Project
from .rounds import Contender, measure
from .servers import running

BATCH = 10_000
CALL_RECORDS = 20_000_000
MEMORY = 512 << 20
GENERATE = f"""
INSERT INTO nv_calls
SELECT 'c' || i, TIMESTAMP '2026-01-01' + to_seconds(CAST(i AS DOUBLE) / 8), '', i // 10000,
    'booking.f' || (i % 12), 'POST', CASE WHEN i % 97 = 0 THEN 503 WHEN i % 31 = 0 THEN 429 ELSE
    200 END, (i % 1000) / 10, 150, 'consumer' || (i % 40), 'key' || (i % 60)
FROM range({CALL_RECORDS}) AS r(i)
"""
REPORTS = {
    "by consumer and function": "SELECT consumer, function, count(*) AS calls, avg(ms), max(ms), "
    "sum(CASE WHEN status >= 500 THEN 1 ELSE 0 END) FROM calls GROUP BY consumer, function",
    "by day": "SELECT CAST(_time AS DATE) AS day, count(*), avg(ms) FROM calls GROUP BY day",
    "one day by function": "SELECT function, count(*), quantile_cont(ms, 0.95) FROM calls WHERE "
    "_time >= '2026-01-15' AND _time < '2026-01-16' GROUP BY function",
    "refused by consumer": "SELECT consumer, count(*) FROM calls WHERE status = 429 GROUP BY ALL",
}
HEAVY = "SELECT consumer, function, status, count(*), avg(ms) FROM calls GROUP BY ALL"


def booking_messages(number: int) -> list[Message]:
    """Return encoded events, as a consumer receives them from the bus."""
    codec, now = codec_of(BookingCreated), time.time()
    found = []
    for each in range(number):
        event = BookingCreated(
            uuid4().hex,
            f"agency-{each % 50}",
            "ta_to",
            "a",
            date(2027, 1, 1) + timedelta(each % 300),
            each % 9 + 1,
            each % 90_000,
        )
        body = with_head(1, codec.encode(event).body)
        found.append(Message(uuid4().hex, codec.name, body, now + each / 1e4, uuid4().hex))
    return found


def measure_ingest(folder: Path, number: int) -> list[float]:
    """Return the events/s of CPU time of each batch."""
    warehouse = DuckDBWarehouse(folder / "warehouse.duckdb", folder / "archive", MEMORY)
    schema = codec_of(BookingCreated).schema
    sink = Sink(warehouse, Policy("hash", b"k" * 32), lambda _: schema)
    found = []
    for _ in range(number):
        batch = booking_messages(BATCH)
        started = time.process_time()
        sink.store(batch)
        found.append(BATCH / (time.process_time() - started))
    warehouse.close()
    return found


def generate_calls(folder: Path) -> Path:
    """Fill a warehouse's table of calls; return its file."""
    path = folder / "warehouse" / "warehouse.duckdb"
    warehouse = DuckDBWarehouse(path, folder / "warehouse" / "archive", MEMORY)
    Sink(warehouse, Policy("hash", b"k" * 32), lambda _: "").prepare_table(CALLS)
    warehouse.close()
    with duckdb.connect(path) as connection:
        connection.execute(GENERATE)
    return path


def peak_memory() -> int:
    """Return the peak resident bytes of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) << 10
    return 0


def measure_reports(path: Path, rounds: int) -> None:
    """Print the seconds of each report, and the peak memory in excess of an open warehouse."""
    warehouse = DuckDBWarehouse(path, path.parent / "archive", MEMORY, readonly=True)
    before = peak_memory()
    for name, sql in REPORTS.items():
        for _ in range(rounds):
            started = time.perf_counter()
            warehouse.query(sql, {}, Limits(60, MEMORY))
            print(f"{name}\t{time.perf_counter() - started}")
    print(f"memory\t{peak_memory() - before}")


def repeat_query(path: Path, stop: threading.Event) -> int:
    """Run the heavy query through the socket until `stop` is set; return how often it ran."""
    remote, count = RemoteOperations(path, 60), 0
    while not stop.is_set():
        with suppress(NeurovaError):
            remote.query(HEAVY, {}, 1000)
            count += 1
    return count


def measure_gateway(figure: Figure, folder: Path) -> None:
    """Measure rounds of calls without and with the heavy query."""
    project = Project(folder)
    (folder / "neurova.toml").write_text("[warehouse]\nenabled = true\ntimeout = 60\n")
    project.write("functions/quotes/quote.py", quote.FUNCTION)
    call = quote.request(project.key(quote.SCOPE))
    contender = Contender("neurova", project.program("run"), (call,))
    rates: list[float] = []
    p99s: list[float] = []
    answers = 0
    with running(contender.program) as server:
        contender.check(server)
        wrk = Wrk(figure.duration.seconds)
        measure(server, contender, wrk)
        for _ in range(figure.duration.rounds):
            alone = measure(server, contender, wrk)
            stop, counts = threading.Event(), list[int]()
            path = project.state / "warehouse" / "socket"

            def query(
                run: Callable[[Path, threading.Event], int] = repeat_query,
                path: Path = path,
                stop: threading.Event = stop,
                counts: list[int] = counts,
            ) -> None:
                counts.append(run(path, stop))

            thread = threading.Thread(target=query)
            thread.start()
            loaded = measure(server, contender, wrk)
            stop.set()
            thread.join()
            answers += counts[0]
            rates.append(loaded.per_second / alone.per_second * 100)
            p99s.append(loaded.p99_us / alone.p99_us)
    figure.record("answers of the heavy query in all rounds", [answers], "")
    figure.record("calls/s while a heavy query runs, of those without", rates, "%")
    figure.judge("calls/s lost to a heavy query", 100 - statistics.median(rates), 5, "%")
    figure.sample("p99 with a heavy query ÷ without", p99s, 1.2, "x")


def main() -> None:
    """Measure and write the result."""
    figure = Figure("p12", __doc__)
    with tempfile.TemporaryDirectory(prefix="neurova-bench-") as name:
        folder = Path(name)
        ingest = measure_ingest(folder / "ingest", 3 * figure.duration.rounds)
        figure.record("ingest", ingest, "events/s of CPU")
        figure.sample("CPU of one event", [1e6 / each for each in ingest], 1e6 / 150_000, "µs")
        path = generate_calls(folder / ".neurova")
        code = (
            "from bench import warehouse as w; from pathlib import Path; "
            f"w.measure_reports(Path({str(path)!r}), {figure.duration.rounds})"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        seconds: dict[str, list[float]] = {}
        for line in done.stdout.splitlines():
            part, _, value = line.partition("\t")
            seconds.setdefault(part, []).append(float(value))
        for part, values in seconds.items():
            if part == "memory":
                figure.sample("memory of the reports", [values[0] / 2**20], MEMORY >> 20, "MiB")
            else:
                figure.sample(f"20M calls {part}", values, 1.0, "s")
        measure_gateway(figure, folder)
    figure.write()


if __name__ == "__main__":
    main()
