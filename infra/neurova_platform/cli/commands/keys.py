"""`neurova keys create | list | rotate | revoke | limit | export | import`."""

from __future__ import annotations

import time
from typing import IO, TYPE_CHECKING, Any

import click

from ..changes import audited, key_store
from ..durations import Duration
from ..output import json_option, print_document, print_table

if TYPE_CHECKING:
    from neurova_gateway.keys.base import KeyRecord
    from neurova_gateway.keys.issuer import Issued


@click.group()
def keys() -> None:
    """Create, list, rotate, revoke, limit, export and import API keys."""


@keys.command()
@click.option("--consumer", required=True, help="The owner of the key.")
@click.option("--scope", "scopes", multiple=True, help="A scope of the key; may be repeated.")
@click.option(
    "--env",
    "environment",
    type=click.Choice(["live", "test"]),
    default="live",
    help="Default: live.",
)
@click.option("--expires", type=Duration(), help="The lifetime, like 30d; default: unlimited.")
@click.option("--limits", default="", help='Limits of this key, like "10/second, 1000/day".')
@click.option("--consumer-limits", help="Limits of all keys of the consumer together.")
@click.option("--quota", type=click.IntRange(0), default=0, help="Calls in 30 days; 0: unlimited.")
@click.option(
    "--cidr", "cidrs", multiple=True, help="A network that may use the key; may be repeated."
)
@click.option("--name", default="", help="A note.")
@json_option
def create(
    consumer: str,
    scopes: tuple[str, ...],
    environment: str,
    expires: float | None,
    limits: str,
    consumer_limits: str | None,
    quota: int,
    cidrs: tuple[str, ...],
    name: str,
    as_json: bool,
) -> None:
    """Create a key and show it once: only a digest is stored.

    Only the key goes to standard output, so that it can be redirected to a file.
    """
    from neurova_gateway.keys import issuer

    with key_store() as (store, settings):
        # Validate all values before anything is written.
        shared_limits = issuer.normalize_limits(consumer_limits or "")
        issuer.check_name(consumer, "consumer")
        with audited(settings, "keys create", consumer=consumer) as done:
            issued = issuer.create(
                store, consumer, environment, scopes, expires, limits, quota, cidrs, name=name
            )
            if consumer_limits is not None:
                issuer.limit_consumer(store, consumer, shared_limits)
            done.update(_as_document(issued.record))
    _show_key(issued, as_json)


@keys.command("list")
@click.option("--consumer", help="Only the keys of this consumer.")
@click.option("--all", "include_ended", is_flag=True, help="Include revoked and expired keys.")
@json_option
def list_(consumer: str | None, include_ended: bool, as_json: bool) -> None:
    """List keys by their ids; the keys themselves are not stored."""
    from neurova_gateway.keys import issuer

    with key_store() as (store, _):
        found = store.records(consumer)
    now = time.time()
    shown = [record for record in found if include_ended or not issuer.is_ended(record, now)]
    if as_json:
        print_document([_as_document(record) for record in shown])
        return
    print_table(
        ("key id", "consumer", "env", "scopes", "state", "last used", "limits", "name"),
        [
            (
                record.key_id,
                record.consumer,
                record.environment,
                " ".join(sorted(record.scopes)) or "-",
                _state(record, now),
                _day(record.last_used_at) if record.last_used_at else "never",
                _limits(record) or "-",
                record.name or "-",
            )
            for record in shown
        ],
    )


@keys.command()
@click.argument("key_id")
@click.option(
    "--overlap", type=Duration(), default="1h", help="How long both keys are valid; default: 1h."
)
@json_option
def rotate(key_id: str, overlap: float, as_json: bool) -> None:
    """Create a key with the same rights; the old key KEY_ID expires after the overlap."""
    from neurova_gateway.keys import issuer

    with key_store() as (store, settings):
        issuer.check_id(store, key_id)
        with audited(settings, "keys rotate", rotated=key_id, overlap=overlap) as done:
            issued = issuer.rotate(store, key_id, overlap)
            done["key_id"] = issued.record.key_id
    _show_key(issued, as_json)


@keys.command()
@click.argument("key_id")
@json_option
def revoke(key_id: str, as_json: bool) -> None:
    """Revoke the key KEY_ID; every process refuses it within a second."""
    from neurova_gateway.keys import issuer

    with key_store() as (store, settings):
        issuer.check_id(store, key_id)
        with audited(settings, "keys revoke", key_id=key_id):
            issuer.revoke(store, key_id)
    if as_json:
        print_document({"revoked": key_id})
    else:
        click.echo(f"Revoked {key_id}")


@keys.command()
@click.argument("consumer")
@click.argument("limits")
@json_option
def limit(consumer: str, limits: str, as_json: bool) -> None:
    """Set the LIMITS of all keys of CONSUMER together, "" for none.

    LIMITS are like "10/second, 1000/day" and replace earlier ones.
    """
    from neurova_gateway.keys import issuer

    with key_store() as (store, settings):
        issuer.check_name(consumer, "consumer")
        checked = issuer.normalize_limits(limits)
        with audited(settings, "keys limit", consumer=consumer, limits=checked):
            issuer.limit_consumer(store, consumer, checked)
        count = len(store.records(consumer))
    if as_json:
        print_document({"consumer": consumer, "limits": checked, "keys": count})
    else:
        click.echo(f"{consumer}: {checked or 'no limit'} for all keys together, now {count}")


@keys.command()
@click.argument("file", type=click.File("w"))
@json_option
def export(file: IO[str], as_json: bool) -> None:
    """Write consumers and keys to FILE as JSON lines: digests, never a usable key."""
    from neurova_gateway.keys.transfer import export_lines

    with key_store() as (store, _):
        lines = list(export_lines(store))
    file.writelines(line + "\n" for line in lines)
    if as_json:
        print_document({"file": file.name, "lines": len(lines)})
    else:
        click.echo(f"Exported {len(lines)} keys and consumers to {file.name}", err=True)


@keys.command("import")
@click.argument("file", type=click.File("r"))
@json_option
def import_(file: IO[str], as_json: bool) -> None:
    """Add the consumers and keys of FILE, which `neurova keys export` wrote.

    A key that is stored already stays as it is.
    """
    from neurova_gateway.keys.transfer import import_lines

    with key_store() as (store, settings), audited(settings, "keys import") as done:
        imported = import_lines(store, file)
        done.update(keys=imported.keys, consumers=imported.consumers)
    if as_json:
        print_document(imported)
    else:
        stored = f", {imported.present} stored already" if imported.present else ""
        click.echo(f"Imported {imported.keys} keys, {imported.consumers} consumers{stored}")


def _show_key(issued: Issued, as_json: bool) -> None:
    if as_json:
        print_document({"key": issued.key, **_as_document(issued.record)})
        return
    click.echo(issued.key)
    record = issued.record
    until = f", expires {_day(record.expires_at)}" if record.expires_at else ""
    click.echo(
        f"{record.key_id} of {record.consumer}{until}. Store the key, it is not shown again.",
        err=True,
    )


def _as_document(record: KeyRecord) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: getattr(record, name) for name in record.__struct_fields__ if name != "digest"
    }
    return found | {"scopes": sorted(record.scopes)}


def _state(record: KeyRecord, now: float) -> str:
    for word, end in (("revoked", record.revoked_at), ("expired", record.expires_at)):
        if end is not None and end <= now:
            return f"{word} {_day(end)}"
    ends = [end for end in (record.revoked_at, record.expires_at) if end is not None]
    return f"expires {_day(min(ends))}" if ends else "active"


def _limits(record: KeyRecord) -> str:
    named = {
        "key": record.limits,
        "consumer": record.consumer_limits,
        "quota": record.quota,
        "from": " ".join(record.cidrs),
    }
    return "; ".join(f"{name} {bound}" for name, bound in named.items() if bound)


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
