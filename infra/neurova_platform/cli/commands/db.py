"""`neurova db status | upgrade | revision`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..output import json_option, print_document, print_table

if TYPE_CHECKING:
    from neurova.settings.settings import Settings


@click.group()
def db() -> None:
    """Create, apply and inspect the migrations of services."""


@db.command()
@click.argument("service", required=False)
@json_option
@click.pass_context
def status(ctx: click.Context, service: str | None, as_json: bool) -> None:
    """Show the revision of each database.

    Exits with 1 if a migration is pending or missing, with 5 if a database cannot be used.
    """
    from neurova.database import migrations
    from neurova.errors import NeurovaError

    from ...composition import state
    from ...composition.locations import DatabaseLocations
    from ...settings.loading import load

    settings = load()
    names = _services(settings, service)
    locations = ctx.with_resource(DatabaseLocations(settings))
    rows: list[dict[str, Any]] = []
    for name in names:
        location = locations.get(name)
        row: dict[str, Any] = {"service": name, "database": str(location)}
        try:
            found = migrations.status(location, state.revisions(settings, name))
            pending = found.pending if found.is_behind else ()
            domain = None if pending else state.load_domain(settings, name)
            differences = migrations.differences(location, domain)
        except NeurovaError as error:
            if len(names) == 1:
                raise
            rows.append(row | {"fault": str(error)})  # continue with the other services
            continue
        if service or differences or state.has_state(settings, name):
            row |= {"current": found.current, "head": found.head, "pending": pending}
            rows.append(row | {"differences": differences, "fault": ""})
    if as_json:
        print_document(rows)
    elif rows:
        print_table(("service", "revision", "newest", "state"), [_cells(row) for row in rows])
    else:
        click.echo(
            "No service has migrations: create one with `neurova db revision SERVICE`", err=True
        )
    has_fault = any(row["fault"] for row in rows)
    is_behind = any(row.get("pending") or row.get("differences") for row in rows)
    ctx.exit(5 if has_fault else 1 if is_behind else 0)


@db.command()
@click.argument("service", required=False)
@json_option
@click.pass_context
def upgrade(ctx: click.Context, service: str | None, as_json: bool) -> None:
    """Upgrade the database of SERVICE, or all, to the newest revision."""
    from neurova.database import migrations

    from ...composition.locations import DatabaseLocations
    from ...composition.state import has_state, prepare, revisions
    from ...settings.loading import load

    settings = load()
    prepare(settings.state)
    locations = ctx.with_resource(DatabaseLocations(settings))
    ran = {}
    for name in _services(settings, service):
        if service is None and not has_state(settings, name):
            continue  # no database yet: the platform creates one when it first stores data
        database = locations.get(name)
        if isinstance(database, Path):
            database.parent.mkdir(parents=True, exist_ok=True)
        ran[name] = migrations.upgrade(database, revisions(settings, name))
        if not as_json:
            click.echo(f"{name}: {'ran ' + ', '.join(ran[name]) if ran[name] else 'up to date'}")
    if as_json:
        print_document(ran)


@db.command()
@click.argument("service")
@click.option("-m", "--message", required=True, help="A short description of the change.")
@click.option("--empty", is_flag=True, help="Create a migration without operations.")
@json_option
@click.pass_context
def revision(ctx: click.Context, service: str, message: str, empty: bool, as_json: bool) -> None:
    """Create a migration from the differences between SERVICE's domain.py and its migrations."""
    from neurova.database import migrations
    from neurova.loading.generation import Generation

    from ...composition.locations import DatabaseLocations
    from ...composition.state import revisions
    from ...settings.loading import load

    settings = load()
    (name,) = _services(settings, service)
    metadata = None
    if not empty:
        generation = Generation(settings.functions / name, name)
        metadata = migrations.tables(generation.load("domain"))
    location = ctx.with_resource(DatabaseLocations(settings)).get(name)
    made = migrations.revision(revisions(settings, name), message, metadata, location)
    if as_json:
        print_document({"file": str(made)})
    else:
        click.echo(f"Created {made}: review it, then run `neurova db upgrade {name}`")


def _services(settings: Settings, requested: str | None) -> list[str]:
    """Return the requested service, or all services. Raises NeurovaError for an unknown service."""
    from neurova.errors import NeurovaError
    from neurova.loading.service import discover

    known = discover(settings.functions)
    if requested is None:
        return known
    if requested not in known:
        services = ", ".join(known)
        raise NeurovaError(
            f"no service {requested!r}",
            where=str(settings.functions),
            fix=f"choose from {services}"
            if known
            else "create one with `neurova new service NAME`",
        )
    return [requested]


def _cells(row: dict[str, Any]) -> tuple[str, str, str, str]:
    if row["fault"]:
        return row["service"], "?", "?", row["fault"]
    if row["pending"]:
        state = f"behind by {', '.join(row['pending'])}: run `neurova db upgrade`"
    elif row["differences"]:
        command = f"neurova db revision {row['service']}"
        state = f"differs from domain.py, {', '.join(row['differences'])}: run `{command}`"
    else:
        state = "up to date" if row["head"] else "no migrations"
    return row["service"], row["current"] or "-", row["head"] or "-", state
