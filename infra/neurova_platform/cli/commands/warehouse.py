"""`neurova warehouse`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..output import json_option, print_document, print_table

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from neurova.warehouse.operations import Operations


@click.group()
def warehouse() -> None:
    """List, archive, restore and check the tables of the warehouse, and forget persons."""


@warehouse.command()
@json_option
def tables(as_json: bool) -> None:
    """List the tables with their rows, days and columns."""
    with _open(readonly=True) as operations:
        found = operations.tables()
    if as_json:
        print_document(
            [
                {"name": each.table.name, "rows": each.rows, "days": each.days}
                | {"columns": [column._asdict() for column in each.table.columns]}
                for each in found
            ]
        )
        return
    print_table(
        ("table", "rows", "days", "columns"),
        [
            (each.table.name, str(each.rows), str(each.days), _columns(each.table.columns))
            for each in found
        ],
    )


def _columns(columns: tuple[object, ...]) -> str:
    return ", ".join(getattr(each, "name", "") for each in columns)


@warehouse.command()
@json_option
def archive(as_json: bool) -> None:
    """Write the rows that are new since the last time into the archive."""
    with _open(readonly=False) as operations:
        count = operations.archive()
    if as_json:
        print_document({"files": count})
    else:
        click.echo(f"Wrote {count} files")


@warehouse.command()
@json_option
def backfill(as_json: bool) -> None:
    """Store all rows of the archive that the tables lack."""
    with _open(readonly=False) as operations:
        added = operations.backfill()
    if as_json:
        print_document(added)
        return
    for table, count in added.items():
        click.echo(f"{table}: added {count} rows")


@warehouse.command()
@json_option
@click.pass_context
def verify(ctx: click.Context, as_json: bool) -> None:
    """Compare each day of each table with the archive; exit with 1 on a fault."""
    with _open(readonly=False) as operations:
        found = operations.verify()
    if as_json:
        print_document([each._asdict() for each in found])
    else:
        print_table(
            ("table", "day", "rows", "archived", "fault"),
            [
                (each.table, str(each.day), str(each.rows), str(each.archived), each.fault or "-")
                for each in found
            ],
        )
    ctx.exit(1 if any(each.fault for each in found) else 0)


@warehouse.command()
@click.argument("table")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@json_option
def export(table: str, file: Path, as_json: bool) -> None:
    """Write TABLE into the Parquet file FILE."""
    from neurova.warehouse.columns import quote

    with _open(readonly=True) as operations:
        operations.export(f"SELECT * FROM {quote(table)}", {}, file)  # noqa: S608 - a checked name
    if as_json:
        print_document({"file": str(file)})
    else:
        click.echo(f"Created {file}")


@warehouse.command()
@click.argument("customer", nargs=-1, required=True)
@json_option
def forget(customer: tuple[str, ...], as_json: bool) -> None:
    """Remove a person from tables and archive: CUSTOMER is an email address, a name or an id.

    Empties all columns marked `pii` in the rows that have one of the values in one of them. All
    other columns, and so sums and counts, stay as they are.
    """
    with _open(readonly=False) as operations:
        changed = operations.forget(customer)
    if as_json:
        print_document(changed)
        return
    for table, days in changed.items():
        click.echo(f"{table}: rows of {days} days changed, and their archive")
    if not changed:
        click.echo("No row has one of these values")


def _open(*, readonly: bool) -> AbstractContextManager[Operations]:
    from ...composition import warehouses
    from ...settings.loading import load

    return warehouses.operations(load(), readonly=readonly)
