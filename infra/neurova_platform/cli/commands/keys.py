"""neurova keys create | list | rotate | revoke | limit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ..durations import Duration
from ..output import document, json_option, table

if TYPE_CHECKING:
    from neurova_gateway.keys.base import KeyRecord, KeyStore
    from neurova_gateway.keys.issuer import Issued


@click.group()
def keys() -> None:
    """Make, list, rotate, revoke and limit API keys."""


@keys.command()
@click.option("--consumer", required=True, help="Who the key is for.")
@click.option("--scope", "scopes", multiple=True, help="A scope it holds; may be repeated.")
@click.option(
    "--env", "environment", type=click.Choice(["live", "test"]), default="live", help="(live)"
)
@click.option("--expires", type=Duration(), help="When it ends, like 30d; without: never.")
@click.option("--limits", default="", help='What this key has, like "10/second, 1000/day".')
@click.option("--consumer-limits", help="What all keys of the consumer have together.")
@click.option("--quota", type=click.IntRange(0), default=0, help="Calls in 30 days; 0: no end.")
@click.option("--cidr", "cidrs", multiple=True, help="A network it works from; may be repeated.")
@click.option("--name", default="", help="A note to know it by.")
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
    """Make a key and show it, this once: only a digest is kept.

    The key alone goes to standard output, so that it may be sent into a file.
    """
    from neurova_gateway.keys import issuer

    with _store() as store:
        # All values are looked at before anything is written.
        together = issuer.normalize_limits(consumer_limits or "")
        issued = issuer.create(
            store, consumer, environment, scopes, expires, limits, quota, cidrs, name=name
        )
        if consumer_limits is not None:
            issuer.limit_consumer(store, consumer, together)
    _hand_over(issued, as_json)


@keys.command("list")
@click.option("--consumer", help="Only the keys of this consumer.")
@click.option("--all", "ended_too", is_flag=True, help="Those that have ended as well.")
@json_option
def list_(consumer: str | None, ended_too: bool, as_json: bool) -> None:
    """List keys, never the keys themselves."""
    from neurova_gateway.keys import issuer

    with _store() as store:
        found = store.records(consumer)
    now = time.time()
    shown = [record for record in found if ended_too or not issuer.is_ended(record, now)]
    if as_json:
        document([_as_document(record) for record in shown])
        return
    table(
        ("key id", "consumer", "env", "scopes", "state", "last used", "limits", "name"),
        [
            (
                record.key_id,
                record.consumer,
                record.environment,
                " ".join(sorted(record.scopes)) or "-",
                _state(record, now),
                _day(record.last_used_at) if record.last_used_at else "never",
                _bounds(record) or "-",
                record.name or "-",
            )
            for record in shown
        ],
    )


@keys.command()
@click.argument("key_id")
@click.option("--overlap", type=Duration(), default="1h", help="How long both work (1h).")
@json_option
def rotate(key_id: str, overlap: float, as_json: bool) -> None:
    """Make a key with the same rights; the old one, KEY_ID, ends after the overlap."""
    from neurova_gateway.keys import issuer

    with _store() as store:
        issued = issuer.rotate(store, key_id, overlap)
    _hand_over(issued, as_json)


@keys.command()
@click.argument("key_id")
@json_option
def revoke(key_id: str, as_json: bool) -> None:
    """End the key KEY_ID; every process sees it within a second."""
    from neurova_gateway.keys import issuer

    with _store() as store:
        issuer.revoke(store, key_id)
    if as_json:
        document({"revoked": key_id})
    else:
        click.echo(f"revoked {key_id}")


@keys.command()
@click.argument("consumer")
@click.argument("limits")
@json_option
def limit(consumer: str, limits: str, as_json: bool) -> None:
    """Bound all keys of CONSUMER together by LIMITS, "" for no bound.

    LIMITS are like "10/second, 1000/day", in place of those there were.
    """
    from neurova_gateway.keys import issuer

    with _store() as store:
        issuer.limit_consumer(store, consumer, limits)
        count = len(store.records(consumer))
    if as_json:
        document({"consumer": consumer, "limits": issuer.normalize_limits(limits), "keys": count})
    else:
        bound = issuer.normalize_limits(limits) or "no limit"
        click.echo(f"{consumer}: {bound} over all keys, {count} by now")


@contextmanager
def _store() -> Iterator[KeyStore]:
    from neurova.errors import NeurovaError
    from neurova_gateway.keys.factory import key_store_url, open_key_store

    from ...composition.state import prepare
    from ...settings.loading import load

    settings = load()
    store = open_key_store(key_store_url(prepare(settings.state), settings.gateway.keys))
    try:
        yield store
    except ValueError as error:
        raise NeurovaError(str(error)) from None
    finally:
        store.close()


def _hand_over(issued: Issued, as_json: bool) -> None:
    if as_json:
        document({"key": issued.key, **_as_document(issued.record)})
        return
    click.echo(issued.key)
    record = issued.record
    until = f" until {_day(record.expires_at)}" if record.expires_at else ""
    click.echo(f"{record.key_id} of {record.consumer}{until}: shown this once", err=True)


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
    return f"ends {_day(min(ends))}" if ends else "active"


def _bounds(record: KeyRecord) -> str:
    named = {
        "key": record.limits,
        "consumer": record.consumer_limits,
        "quota": record.quota,
        "from": " ".join(record.cidrs),
    }
    return "; ".join(f"{name} {bound}" for name, bound in named.items() if bound)


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
