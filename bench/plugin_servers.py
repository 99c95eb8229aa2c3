"""Plugin servers of Kong: events a second that one process of each plugin serves.

A double of Kong keeps 8 connections busy. Goals: 3,000 events/s for authentication, with five calls
of the PDK an event, and 7,000 for the limiter, with two; by the CPU that the server uses, so that
the load on the same machine does not count. Then the server is killed: in at most 2 s the next
event is served.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path

from tests.plugins.cases import AUTH, LIMIT, TEST
from tests.plugins.conftest import KEYS, PLUGINS, create_state
from tests.plugins.event_load import EventLoad
from tests.plugins.kong_double import Server
from tests.plugins.test_load import answers

from .cpu import cpu_seconds
from .figure import Figure

GOALS = {AUTH: 3_000, LIMIT: 7_000}
WARM = 2_000
EVENTS = 10_000


def measure(name: str, folder: Path) -> tuple[float, float]:
    """Return the events per CPU second, and the seconds until a killed server serves again."""
    state = create_state(folder / "state")
    config: dict[str, object] = {"state": str(state)}
    if name == AUTH:
        config |= {**TEST, "identity_key": str(state / "identity.key")}
    else:
        config |= {"route": "load", "limit": "1000000/second", "guarded": True}
    server = Server([str(PLUGINS / f"{name.replace('-', '_')}.py")], folder, name)
    values = answers(KEYS["good"][0])
    try:
        with contextlib.closing(EventLoad(server, name, config, values)) as load:
            load.run(WARM)
            before = cpu_seconds(server.pid)
            ends = load.run(EVENTS)
            used = cpu_seconds(server.pid) - before
        if ends != {"ret": EVENTS}:
            raise RuntimeError(f"{name}: {ends}")
        killed = time.perf_counter()
        server.kill()
        server.start()
        with contextlib.closing(EventLoad(server, name, config, values)) as load:
            load.run(1)
        return EVENTS / used, time.perf_counter() - killed
    finally:
        server.kill()


def main() -> None:
    """Measure both plugins."""
    figure = Figure("plugin-servers", __doc__)
    for name, goal in GOALS.items():
        rates, gaps = [], []
        for _ in range(3 if figure.is_full else 1):
            with tempfile.TemporaryDirectory() as folder:
                rate, gap = measure(name, Path(folder))
            rates.append(1e6 / rate)
            gaps.append(gap)
        figure.sample(f"{name}, an event", rates, 1e6 / goal, "µs")
        figure.sample(f"{name}, until a killed server serves", gaps, 2.0, "s")
    figure.write()


if __name__ == "__main__":
    main()
