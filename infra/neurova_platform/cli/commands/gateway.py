"""`neurova gateway render | diff | sync`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..output import json_option, print_document

if TYPE_CHECKING:
    from neurova.settings.settings import Settings
    from neurova_gateway.kong_sync.admin import KongAdmin
    from neurova_gateway.kong_sync.diff import Change
    from neurova_gateway.kong_sync.entity import Entity, Owner

    Found = tuple[Settings, Owner, tuple[Entity, ...]]


@click.group()
def gateway() -> None:
    """Render, compare and load the configuration of Kong."""


def _choices(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--consumer-headers", is_flag=True, help="Name the consumer to the upstream."),
        click.option("--public", is_flag=True, help="Need no key."),
        click.option("--limit", default="", help='The limit of each consumer, "60/minute".'),
        click.option("--scope", "scopes", multiple=True, help="A scope that the key must have."),
        click.option("--route", default="", help="The route of Kong to protect."),
        click.option("--service", default="", help="The service of Kong to protect."),
        click.option(
            "--only-plugins",
            is_flag=True,
            help="Protect a service or route that Kong has; add no functions.",
        ),
        click.option(
            "--environment",
            type=click.Choice(["live", "test"]),
            default="live",
            show_default=True,
            help="The environment whose keys are valid.",
        ),
    ):
        command = option(command)
    return command


@gateway.command()
@_choices
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="The output file; default: standard output.",
)
@json_option
def render(output: Path | None, as_json: bool, **choices: Any) -> None:
    """Print Kong's declarative configuration as YAML, or as JSON, which Kong reads, too."""
    from neurova_gateway.kong_sync.document import render_document, write_yaml

    _, _, entities = _load(**choices)
    document = render_document(entities)
    if output is None:
        print_document(document) if as_json else click.echo(write_yaml(document), nl=False)
        return
    output.write_text(write_yaml(document), "utf-8")
    if as_json:
        print_document({"file": str(output), "entities": len(entities)})
    else:
        click.echo(f"{output}: {len(entities)} entities")


@gateway.command()
@_choices
@json_option
@click.pass_context
def diff(ctx: click.Context, /, as_json: bool, **choices: Any) -> None:
    """Show what a sync would change. Exits with 1 if anything."""
    found = _compare(*_load(**choices))
    if as_json:
        print_document({admin.url: _documents(changes) for admin, changes in found})
    else:
        _print(found)
    ctx.exit(1 if any(changes for _, changes in found) else 0)


@gateway.command()
@_choices
@click.option("--yes", is_flag=True, help="Do not ask before changing anything.")
@json_option
def sync(yes: bool, as_json: bool, **choices: Any) -> None:
    """Show what will change, ask, and bring Kong to the functions and settings.

    A Kong with a database is changed entity by entity. Without a database, each node gets the whole
    configuration. Entities of others stay as they are. An interrupted sync is repeated.
    """
    from neurova_gateway.kong_sync import sync as kong

    settings, owner, entities = _load(**choices)
    found = _compare(settings, owner, entities)
    if not as_json:
        _print(found)
    if any(changes for _, changes in found) and not yes:
        click.confirm("Apply?", abort=True, err=True)
    for admin, changes in found:
        if changes and admin.node().has_database:
            kong.apply_changes(admin, changes, lambda _: None)
        elif changes:
            kong.load_document(admin, owner, entities)
        if not as_json:
            click.echo(f"{admin.url}: {len(changes)} changes applied", err=True)
    if as_json:
        print_document({admin.url: _documents(changes) for admin, changes in found})


def _load(
    *,
    environment: str,
    only_plugins: bool,
    service: str,
    route: str,
    **protection: Any,
) -> Found:
    from ...composition.kong_entities import project_entities, protecting_entities
    from ...settings.loading import load

    settings = load()
    if not only_plugins:
        if service or route or any(protection.values()):
            raise click.UsageError("--service, --route and their options need --only-plugins")
        return settings, *project_entities(settings, environment)
    if bool(service) == bool(route):
        raise click.UsageError("--only-plugins needs either --service NAME or --route NAME")
    scope = "service" if service else "route"
    try:
        return settings, *protecting_entities(
            settings, environment, scope, service or route, **protection
        )
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--limit") from None


def _compare(
    settings: Settings, owner: Owner, entities: tuple[Entity, ...]
) -> list[tuple[KongAdmin, tuple[Change, ...]]]:
    """Return the changes of each Kong node, or only of the first node if they share a database."""
    from neurova.errors import ConfigError
    from neurova_gateway.kong_sync.admin import KongAdmin, check_node
    from neurova_gateway.kong_sync.sync import find_changes

    if not settings.gateway.kong.admin:
        fix = 'set [gateway.kong] admin = ["http://127.0.0.1:8001"]'
        raise ConfigError("no Admin API of Kong", where="gateway.kong.admin", fix=fix)
    plugins = {each.fields["name"] for each in entities if each.kind == "plugins"}
    found = []
    for url in settings.gateway.kong.admin:
        admin = KongAdmin(url)
        node = check_node(admin, plugins)
        found.append((admin, find_changes(admin, owner, entities)))
        if node.has_database:
            break
    return found


def _print(found: Sequence[tuple[KongAdmin, Sequence[Change]]]) -> None:
    from neurova_gateway.kong_sync.diff import in_reading_order

    for admin, changes in found:
        for change in in_reading_order(changes):
            click.echo(str(change))
        if not changes:
            click.echo(f"{admin.url}: no differences", err=True)


def _documents(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [
        {
            "action": change.action,
            "kind": change.entity.kind,
            "entity": change.entity.label,
            "fields": change.fields,
        }
        for change in changes
    ]
