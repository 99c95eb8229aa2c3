"""`neurova sql`."""

from __future__ import annotations

from pathlib import Path

import click

from ..result_output import FORMATS, print_result


@click.command()
@click.argument("statement")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", help="How to print the answer."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="The file for --format parquet.",
)
@click.option("--rows", type=click.IntRange(1, 100_000), default=1000, help="The maximum number.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def sql(statement: str, form: str, output: Path | None, rows: int, as_json: bool) -> None:
    """Print the answer of STATEMENT, one SELECT of tables of the warehouse.

    It can neither write nor read files, and it is stopped after warehouse.timeout. `neurova
    warehouse tables` lists the tables.
    """
    from ...composition import warehouses
    from ...settings.loading import load

    form = "json" if as_json else form
    if (form == "parquet") != (output is not None):
        raise click.UsageError("--format parquet and --output FILE belong together")
    with warehouses.operations(load()) as operations:
        if output is not None:
            operations.export(statement, {}, output)
            click.echo(f"Created {output}")
        else:
            print_result(operations.query(statement, {}, rows), form)
