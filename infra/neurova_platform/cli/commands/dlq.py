"""`neurova dlq list | groups | show | replay | edit | save | drop`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..changes import audited
from ..output import json_option, print_document, print_pairs, print_table

if TYPE_CHECKING:
    from neurova.dead_letters.letters import Cause, DeadLetterDetails, DeadLetters
    from neurova.dead_letters.replays import Replay
    from neurova.settings.settings import Settings

T = TypeVar("T")
LONGEST_POLL = 2.0  # seconds


@click.group()
def dlq() -> None:
    """Group, show, edit, replay, save and drop events that failed.

    QUEUE is the name of a subscription, "<service>.<function>".
    """


@dlq.command("list")
@click.argument("queue", required=False)
@click.option("--cause", default="", help="Only those whose last cause contains this text.")
@click.option("--causes", "by_cause", is_flag=True, help="Count them by cause.")
@json_option
def list_(queue: str | None, cause: str, by_cause: bool, as_json: bool) -> None:
    """List the dead letters of QUEUE, or all queues with the number of their messages."""
    if queue is None:
        _list_queues(as_json)
    elif by_cause:
        causes = _run(lambda letters, _: letters.causes(queue))
        _print_rows(causes, ("count", "first", "last", "cause"), as_json)
    else:
        found = _run(lambda letters, _: letters.search(queue, cause))
        _print_rows(found, ("id", "event", "died", "attempts", "cause"), as_json)


@dlq.command()
@click.argument("queue", required=False)
@json_option
def groups(queue: str | None, as_json: bool) -> None:
    """Group the dead letters of QUEUE, or of all queues, by cause."""

    async def work(letters: DeadLetters, _: Settings) -> list[tuple[str, Cause]]:
        names = [queue] if queue else [each.name for each, _ in await letters.depths()]
        return [(name, cause) for name in names for cause in await letters.causes(name)]

    found = _run(work)
    if as_json:
        import msgspec

        print_document([{"queue": name, **msgspec.structs.asdict(each)} for name, each in found])
        return
    rows = [
        (name, str(each.count), _moment(each.first), _moment(each.last), each.example, each.cause)
        for name, each in found
    ]
    print_table(("queue", "count", "oldest", "newest", "example", "cause"), rows)


@dlq.command()
@click.argument("queue")
@click.argument("id")
@json_option
def show(queue: str, id: str, as_json: bool) -> None:
    """Show the dead letter ID of QUEUE: values, causes and trace."""
    _print_letter(_run(lambda letters, _: letters.show(queue, id)), as_json)


@dlq.command()
@click.argument("queue")
@click.argument("ids", nargs=-1)
@click.option("--cause", default="", help="Replay all whose last cause contains this text.")
@click.option("--all", "everything", is_flag=True, help="Replay all that are dead now.")
@click.option("--rate", type=click.FloatRange(0, 10_000, min_open=True), default=100.0,
              help="Events per second; default: 100.")  # fmt: skip
@click.option("--wait", is_flag=True, help="Wait until each is handled; exit 1 if one is not.")
@json_option
@click.pass_context
def replay(
    ctx: click.Context,
    queue: str,
    ids: tuple[str, ...],
    cause: str,
    everything: bool,
    rate: float,
    wait: bool,
    as_json: bool,
) -> None:
    """Give dead letters back to QUEUE: those with IDS, of one cause, or all.

    Those that die later are not included. The subscription must run, in `neurova dev` or `run`.
    """
    if [bool(ids), bool(cause), everything].count(True) != 1:
        raise click.UsageError("Give either IDS, --cause or --all")

    async def work(letters: DeadLetters, settings: Settings) -> Replay:
        from neurova.dead_letters.replays import Replays

        found = await letters.search(queue, cause)
        chosen = list(dict.fromkeys(ids)) or [each.id for each in found]
        with audited(settings, "dlq replay", queue=queue, cause=cause, ids=chosen):
            running = Replays().start(letters, queue, chosen, rate)
            await running.task
        done, pause = await running.progress(), 0.05
        while wait and not done.is_finished:
            await asyncio.sleep(pause)
            done, pause = await running.progress(), min(pause * 2, LONGEST_POLL)
        return done

    done = _run(work)
    _print_replay(done, as_json)
    if done.error or done.missing or (wait and done.dead):
        ctx.exit(1)


@dlq.command()
@click.argument("queue")
@click.argument("id")
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE",
              help="Change one field, like guest.name=Ann; may be repeated.")  # fmt: skip
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Take all values from a JSON file.")  # fmt: skip
@json_option
def edit(queue: str, id: str, changes: tuple[str, ...], file: Path | None, as_json: bool) -> None:
    """Change the values of the dead letter ID of QUEUE, by default in $EDITOR.

    The values must fit the schema with which the event was published. Replay it afterwards.
    """

    async def work(letters: DeadLetters, settings: Settings) -> DeadLetterDetails:
        from neurova.errors import NeurovaError

        letter = await letters.show(queue, id)
        if letter.values is None:
            raise NeurovaError(f"the event cannot be edited: {letter.fault}", fix="drop it")
        values = _new_values(letter.values, changes, file)
        with audited(settings, "dlq edit", queue=queue, ids=[id]):
            await letters.edit(queue, id, values)
        return await letters.show(queue, id)

    _print_letter(_run(work), as_json)


@dlq.command()
@click.argument("queue")
@click.argument("id")
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path),
              help="The file; default: tests/test_dead_QUEUE_ID.py of the project.")  # fmt: skip
@json_option
def save(queue: str, id: str, file: Path | None, as_json: bool) -> None:
    """Write a test that fails until the function of QUEUE can handle the dead letter ID."""

    async def work(letters: DeadLetters, settings: Settings) -> Path:
        from ...scaffold.dead_letter_case import plan_case
        from ...scaffold.scaffold import write

        path, text = plan_case(await letters.show(queue, id))
        folder = settings.root if file is None else Path.cwd()
        return write(folder, {str(file or path): text})[0]

    written = _run(work)
    if as_json:
        print_document({"file": str(written)})
    else:
        click.echo(f"Created {written}")


@dlq.command()
@click.argument("queue")
@click.argument("ids", nargs=-1, required=True)
@json_option
def drop(queue: str, ids: tuple[str, ...], as_json: bool) -> None:
    """Delete the dead letters IDS of QUEUE for good."""

    async def work(letters: DeadLetters, settings: Settings) -> Sequence[str]:
        with audited(settings, "dlq drop", queue=queue, ids=ids):
            return await letters.drop(queue, list(dict.fromkeys(ids)))

    dropped = _run(work)
    missing = [id for id in ids if id not in dropped]
    if missing:
        from neurova.dead_letters.letters import NotFound

        raise NotFound(
            f"{queue} has no dead letter {', '.join(missing)}", fix=f"neurova dlq list {queue}"
        )
    if as_json:
        print_document({"dropped": dropped})
    else:
        click.echo(f"Dropped {len(dropped)}")


def _run(work: Callable[[DeadLetters, Settings], Awaitable[T]]) -> T:
    """Run `work` with the dead letters of the project."""
    from ...composition.databases import ServiceDatabases
    from ...composition.events import EventSystem
    from ...composition.state import prepare
    from ...settings.loading import load

    settings = load()
    prepare(settings.state)

    async def main() -> T:
        async with AsyncExitStack() as stack:
            databases = ServiceDatabases(settings, time.time)
            stack.push_async_callback(databases.close)
            events = EventSystem(settings, (), databases.get, lambda record: None, time.time)
            stack.push_async_callback(events.stop)
            return await work(events.dead_letters(), settings)

    return asyncio.run(main())


def _new_values(
    values: dict[str, Any], changes: Sequence[str], file: Path | None
) -> dict[str, Any]:
    import json

    if file is not None or not changes:
        text = file.read_text() if file else _edit_text(json.dumps(values, indent=2))
        try:
            values = json.loads(text)
        except ValueError as error:
            raise click.UsageError(f"The values are not JSON: {error}") from None
    for change in changes:
        path, separator, text = change.partition("=")
        if not separator:
            raise click.UsageError(f"--set {change}: write FIELD=VALUE")
        _set(values, path, text)
    return values


def _edit_text(text: str) -> str:
    edited = click.edit(text, extension=".json")
    if edited is None:
        raise click.UsageError("Nothing was saved in the editor: the event is unchanged")
    return edited


def _set(values: dict[str, Any], path: str, text: str) -> None:
    """Set a field: parse the text as JSON if it is valid JSON and the field does not hold text."""
    import json

    *parents, field = path.split(".")
    target: Any = values
    for name in parents:
        target = target.get(name) if isinstance(target, dict) else None
    if not isinstance(target, dict) or field not in target:
        raise click.UsageError(f"--set {path}: the event has no such field")
    try:
        target[field] = text if isinstance(target[field], str) else json.loads(text)
    except ValueError:
        target[field] = text


def _list_queues(as_json: bool) -> None:
    depths = _run(lambda letters, _: letters.depths())
    if as_json:
        print_document([{**each._asdict(), **depth._asdict()} for each, depth in depths])
        return
    print_table(
        ("queue", "dead", "ready", "delivered", "delayed", "events"),
        [
            (
                queue.name,
                *(_number(n) for n in (depth.dead, depth.ready, depth.delivered, depth.delayed)),
                " ".join(queue.events),
            )
            for queue, depth in depths
        ],
    )


def _print_rows(found: Sequence[Any], columns: Sequence[str], as_json: bool) -> None:
    if as_json:
        print_document(found)
        return
    times = ("died", "first", "last")
    rows = [
        [
            _moment(getattr(each, name)) if name in times else str(getattr(each, name))
            for name in columns
        ]
        for each in found
    ]
    print_table(columns, rows)


def _print_letter(letter: DeadLetterDetails, as_json: bool) -> None:
    import json

    if as_json:
        print_document(letter)
        return
    pairs = [
        ("id", letter.id),
        ("queue", letter.queue),
        ("event", f"{letter.event}, published {_moment(letter.time)}"),
        ("trace", letter.trace_id),
    ]
    for failure in letter.failures:
        pairs.append(
            (f"attempt {failure.attempt}", f"{_moment(failure.time)} {failure.cause}"),
        )
    print_pairs(pairs)
    click.echo(letter.fault or json.dumps(letter.values, indent=2, ensure_ascii=False))


def _print_replay(done: Replay, as_json: bool) -> None:
    if as_json:
        print_document(done)
        return
    counts = [
        f"{number} {name}"
        for name, number in (
            ("handled", done.handled),
            ("waiting", done.waiting),
            ("dead again", done.dead),
            ("not found", done.missing),
            ("not replayed", done.remaining),
        )
        if number
    ]
    click.echo(f"{done.total} replayed: {', '.join(counts)}" if counts else "No dead letter")
    if done.error:
        click.echo(f"Stopped: {done.error}", err=True)


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _number(count: int) -> str:
    return "?" if count < 0 else str(count)
