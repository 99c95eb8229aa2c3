"""`neurova schema list | show | check | diff | push`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ..output import json_option, print_document, print_table

if TYPE_CHECKING:
    from neurova.schemas.base import SchemaRegistry
    from neurova.settings.settings import Settings

    from ...composition.event_schemas import EventSchema, Report


@click.group()
def schema() -> None:
    """List, check, compare and register schemas of events."""


@schema.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the subjects of the registry with their versions and levels."""
    with _registry() as (_, registry):
        rows = []
        for subject in registry.subjects():
            versions = [each.version for each in registry.versions(subject)]
            rows.append((subject, versions, registry.level(subject)))
    if as_json:
        names = ("subject", "versions", "level")
        print_document([dict(zip(names, row, strict=True)) for row in rows])
        return
    print_table(
        ("subject", "versions", "level"),
        [(subject, ", ".join(map(str, versions)), level) for subject, versions, level in rows],
    )


@schema.command()
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="The version, by default the newest.")
@json_option
def show(name: str, version: int | None, as_json: bool) -> None:
    """Print a schema in the registry; NAME is a subject or an event."""
    from neurova.schemas.base import UnknownSchema, subject_of

    with _registry() as (_, registry):
        found = registry.versions(name) or registry.versions(subject_of(name))
    matching = [each for each in found if version in (None, each.version)]
    if not matching:
        raise UnknownSchema(
            f"the registry has no version {version or ''} of {name}".replace("  ", " "),
            fix="`neurova schema list` shows what it has",
        )
    last = matching[-1]
    if as_json:
        print_document(last._asdict())
    else:
        click.echo(_format(last.schema))


@schema.command()
@click.argument("service", required=False)
@json_option
@click.pass_context
def check(ctx: click.Context, service: str | None, as_json: bool) -> None:
    """Check the events of SERVICE, or all, against earlier versions and their consumers.

    The earlier versions are those committed in functions/SERVICE/schemas/, and those in the
    registry if it responds. Exits with 1 if an event breaks one.
    """
    from ...composition.event_schemas import check as check_event

    with _registry() as (settings, registry):
        events = _events(settings, service)
        level = settings.schemas.compatibility
        reports = [check_event(each, registry, level) for each in events]
    if as_json:
        print_document(reports)
    else:
        for report in reports:
            _print(report)
    ctx.exit(1 if any(report.breaks for report in reports) else 0)


@schema.command()
@click.argument("service", required=False)
@json_option
def diff(service: str | None, as_json: bool) -> None:
    """Show how the events of SERVICE, or all, differ from the newest known version."""
    from ...composition.event_schemas import registered

    found: dict[str, list[str]] = {}
    with _registry() as (settings, registry):
        for event in _events(settings, service):
            versions, _ = registered(registry, event.name)
            known = versions or event.committed
            found[event.name] = list(
                difflib.unified_diff(
                    _format(known[-1].schema).splitlines() if known else [],
                    _format(event.schema).splitlines(),
                    f"{event.name} (newest)" if known else "(none)",
                    f"{event.name} ({event.file})",
                    lineterm="",
                )
            )
    if as_json:
        print_document(found)
        return
    for lines in found.values():
        for line in lines:
            click.echo(line)


@schema.command()
@click.argument("service", required=False)
@click.option("--force", is_flag=True, help="Register a version even if it breaks others.")
@json_option
def push(service: str | None, force: bool, as_json: bool) -> None:
    """Register the events of SERVICE, or all, and write new versions into functions/.

    Commit the files in functions/SERVICE/schemas/: `check` compares with them where no registry
    responds, as in CI.
    """
    from neurova.schemas.base import subject_of

    from ...composition.event_schemas import commit

    rows = []
    with _registry() as (settings, registry):
        for event in _events(settings, service):
            subject = subject_of(event.name)
            level = registry.level(subject)
            if force:
                registry.set_level(subject, "NONE")
            try:
                id = registry.register(subject, event.schema)
            finally:
                if force:
                    registry.set_level(subject, level)
            file = commit(event)
            path = str(file.relative_to(settings.root)) if file else ""
            rows.append({"event": event.name, "id": id, "file": path})
    if as_json:
        print_document(rows)
        return
    for row in rows:
        written = f", wrote {row['file']}" if row["file"] else ""
        click.echo(f"{row['event']}: id {row['id']}{written}")


@contextmanager
def _registry() -> Iterator[tuple[Settings, SchemaRegistry]]:
    from ...composition import backends
    from ...composition.state import prepare
    from ...settings.loading import load

    settings = load()
    prepare(settings.state)
    registry = backends.open_registry(settings)
    try:
        yield settings, registry
    finally:
        registry.close()


def _events(settings: Settings, service: str | None) -> list[EventSchema]:
    from neurova.errors import ConfigError

    from ...composition.event_schemas import list_events
    from ...composition.inventory import load_services

    services = load_services(settings)
    names = sorted(each.name for each in services)
    if service is not None and service not in names:
        raise ConfigError(f"no service {service!r}", fix=f"use one of {', '.join(names)}")
    found = list_events(settings, services)
    return [each for each in found if service in (None, each.name.partition(".")[0])]


def _print(report: Report) -> None:
    if not report.breaks:
        click.echo(f"{report.event}: compatible")
        return
    for each in report.breaks:
        click.echo(f"{report.event}: {each.path or 'the record'}: {each.what}")
        click.echo(f"  changed in  {each.file}")
        click.echo(f"  breaks      {each.version}")
        click.echo(f"  consumers   {', '.join(each.consumers) or 'none in this project'}")
        click.echo(f"  fix         {each.fix}")
    if report.corrected:
        click.echo("A schema that passes:")
        click.echo(_format(report.corrected))
    else:
        click.echo("No schema fits all of them: change a consumer, or publish another event")


def _format(schema: str) -> str:
    import msgspec

    return msgspec.json.format(schema, indent=2)
