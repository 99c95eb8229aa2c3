"""neurova db status | upgrade | revision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..output import document, json_option, table

if TYPE_CHECKING:
    from neurova.settings.settings import Settings


@click.group()
def db() -> None:
    """Write, apply and inspect the migrations of services."""


@db.command()
@click.argument("service", required=False)
@json_option
@click.pass_context
def status(ctx: click.Context, service: str | None, as_json: bool) -> None:
    """Show where each database stands; ends with 1 when one is behind, 5 when one has a fault."""
    from neurova.database import migrations
    from neurova.errors import NeurovaError

    from ...composition.state import revisions
    from ...settings.loading import load

    settings = load()
    names = _services(settings, service)
    found, faults = {}, {}
    for name in names:
        try:
            found[name] = migrations.status(settings.database(name), revisions(settings, name))
        except NeurovaError as error:
            if len(names) == 1:
                raise
            faults[name] = str(error)  # where the others stand is asked all the same
    if as_json:
        document(
            [
                {
                    "service": name,
                    "database": str(settings.database(name)),
                    "current": each.current,
                    "head": each.head,
                    "pending": each.pending,
                    "fault": "",
                }
                for name, each in found.items()
            ]
            + [
                {"service": name, "database": str(settings.database(name)), "fault": fault}
                for name, fault in faults.items()
            ]
        )
    elif not names:
        click.echo(
            "no service has migrations: neurova db revision SERVICE makes the first", err=True
        )
    else:
        table(
            ("service", "at", "newest", "state"),
            [
                (name, each.current or "-", each.head or "-", _said(each.pending, each.head))
                for name, each in found.items()
            ]
            + [(name, "?", "?", fault) for name, fault in faults.items()],
        )
    ctx.exit(5 if faults else 1 if any(each.pending for each in found.values()) else 0)


@db.command()
@click.argument("service", required=False)
@json_option
def upgrade(service: str | None, as_json: bool) -> None:
    """Bring databases up to date: that of SERVICE, or all."""
    from neurova.database import migrations

    from ...composition.state import prepare, revisions
    from ...settings.loading import load

    settings = load()
    prepare(settings.state)
    ran = {}
    for name in _services(settings, service):
        database = settings.database(name)
        if isinstance(database, Path):
            database.parent.mkdir(parents=True, exist_ok=True)
        ran[name] = migrations.upgrade(database, revisions(settings, name))
        if not as_json:
            click.echo(f"{name}: {'ran ' + ', '.join(ran[name]) if ran[name] else 'up to date'}")
    if as_json:
        document(ran)


@db.command()
@click.argument("service")
@click.option("-m", "--message", required=True, help="What it changes, in a few words.")
@click.option("--empty", is_flag=True, help="Leave it to be filled in by hand.")
@json_option
def revision(service: str, message: str, empty: bool, as_json: bool) -> None:
    """Write a migration with what the tables in SERVICE's domain.py have gained."""
    from neurova.database import migrations
    from neurova.functions.generation import Generation

    from ...composition.state import revisions
    from ...settings.loading import load

    settings = load()
    (name,) = _services(settings, service)
    metadata = None
    if not empty:
        generation = Generation(settings.functions / name, name)
        metadata = migrations.tables(generation.load("domain"))
    made = migrations.revision(
        revisions(settings, name), message, metadata, settings.database(name)
    )
    if as_json:
        document({"file": str(made)})
    else:
        click.echo(f"made {made}: read it, then neurova db upgrade {name}")


def _services(settings: Settings, asked: str | None) -> list[str]:
    """Return the services asked for. Raises NeurovaError that lists them for an unknown one."""
    from neurova.errors import NeurovaError
    from neurova.functions.service import discover

    from ...composition.state import has_state

    known = discover(settings.functions)
    if asked is None:
        # A service without migrations has a database once the platform had something to keep.
        return [name for name in known if has_state(settings, name)]
    if asked not in known:
        listed = ", ".join(known) or "none yet: neurova new service NAME"
        raise NeurovaError(f"no service {asked!r} in {settings.functions}: there are {listed}")
    return [asked]


def _said(pending: tuple[str, ...], head: str | None) -> str:
    if pending:
        return f"behind by {', '.join(pending)}: neurova db upgrade"
    return "up to date" if head else "no migrations"
