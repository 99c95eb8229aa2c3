"""P10: a Kong with our two plugins against one with its own key-auth and rate-limiting.

Both run on this machine, in front of the same upstream. NEUROVA_TEST_KONG_URL is the URL of a call
through our Kong, with the key NEUROVA_TEST_KONG_KEY in the header X-API-Key. For the stock Kong,
they are NEUROVA_TEST_STOCK_KONG_URL and NEUROVA_TEST_STOCK_KONG_KEY, in the header apikey. The CPU
of plugin servers counts. Goal: at most 3.5 x the stock Kong's CPU per request.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from .cpu import cpu_seconds, process_tree
from .figure import Figure
from .load import Request, Wrk

GOAL = 3.5
OURS, STOCK = "KONG", "STOCK_KONG"
KEY_FIELDS = {OURS: "X-API-Key", STOCK: "apikey"}
_LISTENS = "0A"


def listening_process(port: int) -> int:
    """Return the id of the process that listens on a port: nginx's master, not its workers."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {
        f"socket:[{row[9]}]"
        for row in rows
        if row[3] == _LISTENS and int(row[1].rpartition(":")[2], 16) == port
    }
    holders = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                if inodes & {os.readlink(each) for each in (folder / "fd").iterdir()}:
                    holders.add(int(folder.name))
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                continue  # the process has exited, or belongs to another user
    for pid in holders:
        if holders <= {each.pid for each in process_tree(pid)}:
            return pid
    raise SystemExit(f"no process of this user listens on port {port}: run this as Kong's user")


def request_of(name: str) -> tuple[int, Request]:
    """Return the port and the request of one of the two Kongs, read from the environment."""
    url, key = (os.environ.get(f"NEUROVA_TEST_{name}_{what}") for what in ("URL", "KEY"))
    if not url or not key:
        raise SystemExit(f"set NEUROVA_TEST_{name}_URL and NEUROVA_TEST_{name}_KEY")
    parts = urlsplit(url)
    return parts.port or 80, Request("GET", parts.path or "/", fields=((KEY_FIELDS[name], key),))


def main() -> None:
    """Measure both Kongs in interleaved rounds."""
    figure = Figure("p10", __doc__)
    kongs = {name: request_of(name) for name in (OURS, STOCK)}
    processes = {name: listening_process(port) for name, (port, _) in kongs.items()}
    costs: dict[str, list[float]] = {name: [] for name in kongs}
    wrk = Wrk(figure.duration.seconds)
    for _ in range(figure.duration.rounds):
        for name, (port, request) in kongs.items():
            before = cpu_seconds(processes[name])
            load = wrk.run(port, [request])
            if load.refused or load.broken:
                raise SystemExit(f"{name}: {load.refused} refused, {load.broken} broken calls")
            costs[name].append((cpu_seconds(processes[name]) - before) / load.requests * 1e6)
    for name, each in costs.items():
        figure.record(f"{name}, CPU", each, "µs a request")
    ratios = [ours / stock for ours, stock in zip(costs[OURS], costs[STOCK], strict=True)]
    figure.sample("ours ÷ its own plugins", ratios, GOAL, "x")
    figure.write()


if __name__ == "__main__":
    main()
