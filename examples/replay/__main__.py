"""`python -m examples.replay`: run the whole replay; exit with 0 when all figures are equal."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from neurova.database.postgres.url import PostgresUrl, find_url_error, is_postgres
from neurova.errors import NeurovaError

from . import hotel
from .figures import find_differences, format_tables
from .replay import Outcome, replay
from .runtimes import Storage
from .wire import ReplayError


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay with the options of the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        with _state(options.state) as state, _database(options.database, state) as database:
            rows = hotel.rows(only=options.only)
            outcome = replay(rows, options.runtimes, Storage(state, database, options.bus))
    except (ReplayError, NeurovaError) as error:
        print(f"replay: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return print_outcome(outcome, options.runtimes)


def print_outcome(outcome: Outcome, workers: int) -> int:
    """Print the figures of the API, and their differences from the file; return the exit code."""
    sys.stdout.writelines(f"{line}\n" for line in format_tables(outcome.stored))
    differences = find_differences(outcome.file, outcome.stored)
    differences += find_differences(outcome.file, outcome.stays, "CRM")
    if differences:
        print("\n".join(["NOT EQUAL", *differences]))
        return 1
    count, rate = outcome.file.total.bookings, outcome.file.total.bookings / outcome.seconds
    print(f"Equal to the file in all {len(outcome.file.lines())} lines, to the cent.")
    stays = outcome.stays.total
    print(f"CRM's {stays.bookings:,} stays are equal too: revenue {stays.revenue:,}.")
    print(
        f"{count:,} bookings in {outcome.seconds:.1f} s, {rate:,.0f} a second, workers: {workers}",
        file=sys.stderr,
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.replay",
        description="Send a hotel's bookings through the platform, read them and CRM's stays back "
        "through the API, and compare the figures with those of the file. Exits with 0 when they "
        "are equal.",
    )
    parser.add_argument(
        "--runtimes", type=_positive, default=4, metavar="N", help="workers of `neurova run` (4)"
    )
    parser.add_argument("--only", type=_positive, metavar="N", help="only the first N rows")
    parser.add_argument(
        "--state", type=Path, help="a new state folder, which is kept (default: a temporary one)"
    )
    parser.add_argument(
        "--database",
        metavar="URL",
        help="a PostgreSQL URL; the replay creates its own database there (default: SQLite)",
    )
    parser.add_argument(
        "--bus",
        metavar="URL",
        default=os.environ.get("NEUROVA_BUS_URL", ""),
        help="an AMQP URL with a virtual host for the replay alone (NEUROVA_BUS_URL, or SQLite)",
    )
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


@contextmanager
def _state(configured: Path | None) -> Iterator[Path]:
    """Yield an empty state folder; delete it at the end unless it was configured."""
    if configured is None:
        with tempfile.TemporaryDirectory(prefix="neurova-replay-") as folder:
            yield Path(folder)
        return
    configured.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(configured.iterdir()):
        raise ReplayError(f"{configured} is not empty: choose a new folder, or delete it")
    yield configured.resolve()


@contextmanager
def _database(url: str | None, state: Path) -> Iterator[str]:
    """Yield an empty database: a file, or a database on the server of `url`, dropped at the end."""
    if not url:
        yield str(state / "booking.db")
        return
    what = find_url_error(url) if is_postgres(url) else "is not a PostgreSQL URL"
    if what:
        raise ReplayError(f"--database {what}")
    from neurova.database.postgres.migrations import execute

    server, name = PostgresUrl(url), f"nv_replay_{token_hex(6)}"
    execute(server, f"CREATE DATABASE {name}")
    try:
        yield server.with_database(name).dsn
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # stops the workers too
    sys.exit(main())
