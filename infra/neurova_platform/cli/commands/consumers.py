"""`neurova consumers list | set | usage` and `neurova plans`."""

from __future__ import annotations

import time

import click

from ..changes import audited, key_store
from ..output import json_option, print_document, print_table


@click.group()
def consumers() -> None:
    """List consumers, set their plan and limits, and show their usage."""


@consumers.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the consumers: those with keys, and those with a plan or limits."""
    from neurova_gateway.keys.base import ConsumerRecord

    with key_store() as (store, _):
        stored = {each.consumer: each for each in store.consumers()}
        owners = [record.consumer for record in store.records()]
    found = [stored.get(name, ConsumerRecord(name)) for name in sorted({*owners, *stored})]
    if as_json:
        print_document(found)
        return
    print_table(
        ("consumer", "keys", "plan", "limits", "custom id", "metadata"),
        [
            (
                each.consumer,
                str(owners.count(each.consumer)),
                each.plan or "-",
                each.limits or "-",
                each.custom_id or "-",
                " ".join(f"{name}={value}" for name, value in each.metadata.items()) or "-",
            )
            for each in found
        ],
    )


@consumers.command("set")
@click.argument("consumer")
@click.option("--plan", help='A plan of neurova.toml; "" for none.')
@click.option("--limits", help='Limits of all keys together, in place of the plan\'s; "" for none.')
@click.option("--custom-id", help='The id in your own systems; "" for none.')
@click.option("--meta", "metadata", multiple=True, help="NAME=VALUE; replaces all metadata.")
@json_option
def set_(
    consumer: str,
    plan: str | None,
    limits: str | None,
    custom_id: str | None,
    metadata: tuple[str, ...],
    as_json: bool,
) -> None:
    """Set what all keys of CONSUMER share; what is left out stays as it is."""
    from neurova_gateway.keys import issuer

    pairs = [each.partition("=") for each in metadata]
    if any(not separator for _, separator, _ in pairs):
        raise click.UsageError("--meta: write NAME=VALUE")
    fields: dict[str, str | None] = {"plan": plan, "limits": limits, "custom_id": custom_id}
    given = {name: value for name, value in fields.items() if value is not None}
    values = {name: value for name, _, value in pairs} if pairs else None
    with key_store() as (store, settings):
        issuer.check_name(consumer, "consumer")
        with audited(settings, "consumers set", consumer=consumer, metadata=values, **given):
            issuer.change_consumer(
                store,
                consumer,
                plans=settings.plans,
                plan=plan,
                limits=limits,
                custom_id=custom_id,
                metadata=values,
            )
        changed = next(each for each in store.consumers() if each.consumer == consumer)
    if as_json:
        print_document(changed)
    else:
        shown = f"plan {changed.plan or 'none'}, limits {changed.limits or 'none'}"
        click.echo(f"{consumer}: {shown}")


@consumers.command()
@click.option("--consumer", help="Only this consumer.")
@click.option("--days", type=click.IntRange(1, 400), default=30, help="Default: 30.")
@json_option
def usage(consumer: str | None, days: int, as_json: bool) -> None:
    """Show the calls by day (UTC), key and function."""
    from neurova_gateway.metrics.key_usage import DAY, day_of

    with key_store() as (store, _):
        found = store.usage(day_of(time.time() - (days - 1) * DAY), consumer)
    if as_json:
        print_document(found)
        return
    names = ("day", "consumer", "key_id", "function", "calls", "refused", "failed")
    print_table(names, [tuple(str(getattr(each, name)) for name in names) for each in found])


@click.command()
@json_option
def plans(as_json: bool) -> None:
    """List the plans of neurova.toml, and how many consumers hold each."""
    with key_store() as (store, settings):
        held = [each.plan for each in store.consumers()]
    found = sorted(settings.plans.items())
    if as_json:
        print_document(
            [
                {
                    "name": name,
                    "scopes": plan.scopes,
                    "limit": plan.limit,
                    "quota": plan.quota,
                    "consumers": held.count(name),
                }
                for name, plan in found
            ]
        )
        return
    print_table(
        ("plan", "scopes", "limit", "quota", "consumers"),
        [
            (
                name,
                " ".join(plan.scopes) or "-",
                plan.limit or "-",
                str(plan.quota or "-"),
                str(held.count(name)),
            )
            for name, plan in found
        ],
    )
    for name in sorted(set(held) - settings.plans.keys() - {""}):
        click.echo(
            f"{held.count(name)} consumers hold {name!r}, which is not in neurova.toml", err=True
        )
