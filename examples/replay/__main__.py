"""`python -m examples.replay`: the whole replay; ends with 0 when all figures are equal."""

from __future__ import annotations

import argparse
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
from .errors import ReplayError
from .figures import differences
from .replay import Outcome, replay
from .runtimes import Ground
from .table import lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay as the command line says; return the exit code."""
    said = _parser().parse_args(arguments)
    try:
        with _state(said.state) as state, _database(said.database, state) as database:
            ground = Ground(state, database)
            outcome = replay(hotel.rows(only=said.only), said.runtimes, ground)
    except (ReplayError, NeurovaError) as error:
        print(f"replay: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return tell(outcome, said.runtimes)


def tell(outcome: Outcome, runtimes: int) -> int:
    """Print the figures as read back, and whether the file says the same; return the exit code."""
    sys.stdout.writelines(f"{line}\n" for line in lines(outcome.read))
    wrong = differences(outcome.file, outcome.read)
    if wrong:
        print("\n".join(["NOT EQUAL", *wrong]))
        return 1
    count, rate = outcome.file.total.bookings, outcome.file.total.bookings / outcome.seconds
    print(f"Equal to the file in all {len(outcome.file.lines())} lines, to the cent.")
    print(
        f"{count:,} bookings in {outcome.seconds:.1f} s, {rate:,.0f} a second, "
        f"runtimes: {runtimes}",
        file=sys.stderr,
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.replay",
        description="Send a hotel's bookings through the platform, read them back through the API, "
        "and compare the figures with those of the file. Ends with 0 when they are equal.",
    )
    parser.add_argument(
        "--runtimes", type=_above_0, default=4, metavar="N", help="workers of `neurova run` (4)"
    )
    parser.add_argument("--only", type=_above_0, metavar="N", help="only the first N rows")
    parser.add_argument(
        "--state", type=Path, help="a new state folder, which is kept (default: a temporary one)"
    )
    parser.add_argument(
        "--database",
        metavar="URL",
        help="a database of PostgreSQL, beside which one is made for the replay (default: SQLite)",
    )
    return parser


def _above_0(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


@contextmanager
def _state(named: Path | None) -> Iterator[Path]:
    """Give an empty state folder; a named one is kept."""
    if named is None:
        with tempfile.TemporaryDirectory(prefix="neurova-replay-") as folder:
            yield Path(folder)
        return
    named.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(named.iterdir()):
        raise ReplayError(f"{named} is not empty: name a new folder, or take that one away")
    yield named.resolve()


@contextmanager
def _database(url: str | None, state: Path) -> Iterator[str]:
    """Give an empty database: a file, or one on the server of `url`, which is dropped again."""
    if not url:
        yield str(state / "booking.db")
        return
    wrong = find_url_error(url) if is_postgres(url) else "is not a URL of PostgreSQL"
    if wrong:
        raise ReplayError(f"--database {wrong}")
    from neurova.database.postgres.migrations import execute

    named, name = PostgresUrl(url), f"nv_replay_{token_hex(6)}"
    execute(named, f"CREATE DATABASE {name}")
    try:
        yield named.with_database(name).dsn
    finally:
        execute(named, f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the runtimes end too
    sys.exit(main())
