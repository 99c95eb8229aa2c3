"""Compare contenders in interleaved rounds: CPU per request, ratios."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from .answers import check_answers
from .load import Request, Wrk
from .servers import Program, Server, running

SERVER_CORE, LOAD_CORE = 0, 1


@dataclass(frozen=True)
class Contender:
    """A server, the requests of the load, and requests that it must refuse."""

    name: str
    program: Program
    requests: tuple[Request, ...]
    refusals: tuple[Request, ...] = ()

    def check(self, server: Server) -> None:
        """Raise RuntimeError if an answer is wrong."""
        try:
            check_answers(server.port, (*self.requests[:10], *self.refusals))
        except RuntimeError as error:
            raise RuntimeError(f"{self.name}: {error}") from None


@dataclass(frozen=True)
class Round:
    """One measured round: server CPU in µs per request, rate and latency."""

    cpu_us: float
    per_second: float
    p50_us: int
    p99_us: int


Rounds = Mapping[str, Sequence[Round]]


@dataclass(frozen=True)
class Duration:
    """The duration of a measurement: `rounds` of `seconds` per contender; `minutes` for a soak."""

    rounds: int = 7
    seconds: float = 4.0
    minutes: float = 10.0


def measure(server: Server, contender: Contender, wrk: Wrk) -> Round:
    """Measure one round. Raises RuntimeError if a call was refused or lost."""
    before = server.cpu()
    load = wrk.run(server.port, contender.requests)
    used = server.cpu() - before
    if load.refused or load.broken or not load.requests:
        raise RuntimeError(f"{contender.name}: wrong answers: {load}")
    return Round(
        round(used / load.requests * 1e6, 2),
        round(load.requests / load.seconds, 1),
        load.p50_us,
        load.p99_us,
    )


def measure_interleaved(
    contenders: Sequence[Contender], duration: Duration, *, pin: bool = True
) -> Rounds:
    """Measure the contenders in turn, A, B, …, A, B, …, while all servers run.

    Checks responses before and after. `pin`: run the servers on one core, the load on the other.
    """
    server_core, load_core = (SERVER_CORE, LOAD_CORE) if pin else (None, None)
    with ExitStack() as stack:
        servers = [stack.enter_context(running(each.program, server_core)) for each in contenders]
        pairs = list(zip(contenders, servers, strict=True))
        for contender, server in pairs:
            contender.check(server)
            measure(server, contender, Wrk(1, load_core))
        wrk = Wrk(duration.seconds, load_core)
        measured: dict[str, list[Round]] = {contender.name: [] for contender in contenders}
        for _ in range(duration.rounds):
            for contender, server in pairs:
                measured[contender.name].append(measure(server, contender, wrk))
        for contender, server in pairs:
            contender.check(server)
    return measured


def median(rounds: Sequence[Round]) -> float:
    """Return the median CPU per request, µs."""
    return statistics.median(each.cpu_us for each in rounds)


def ratios(ours: Sequence[Round], theirs: Sequence[Round]) -> list[float]:
    """Return our CPU divided by theirs for each round, so that machine noise affects both alike."""
    return [round(a.cpu_us / b.cpu_us, 4) for a, b in zip(ours, theirs, strict=True)]
