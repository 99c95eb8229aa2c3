"""`neurova report`."""

from __future__ import annotations

from pathlib import Path

import click

from ..output import json_option, print_document, print_table
from ..result_output import print_result


@click.group()
def report() -> None:
    """List and show the saved reports of the project."""


@report.command("list")
@json_option
def list_reports(as_json: bool) -> None:
    """List the reports in the folder warehouse.reports, with their parameters."""
    from neurova.warehouse import reports

    from ...settings.loading import load

    settings = load()
    folder = settings.reports
    found = [
        reports.load(folder, name, settings.warehouse_dialect) for name in reports.names(folder)
    ]
    if as_json:
        print_document([reports.describe(each) for each in found])
        return
    print_table(
        ("report", "title", "scope", "parameters"),
        [
            (
                each.name,
                each.title,
                each.scope,
                ", ".join(f"{one.name}={one.default}" for one in each.parameters) or "-",
            )
            for each in found
        ],
    )


@report.command()
@click.argument("name")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="Set a parameter.")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Draw the report into this SVG file.",
)
@click.option(
    "--format", "form", type=click.Choice(("table", "csv", "json")), default="table",
    help="How to print the answer.",
)  # fmt: skip
@json_option
def show(name: str, given: tuple[str, ...], plot: Path | None, form: str, as_json: bool) -> None:
    """Print the answer of the report NAME, or draw it."""
    from neurova.errors import ConfigError
    from neurova.warehouse import reports

    from ...composition import warehouses
    from ...settings.loading import load

    settings = load()
    found = reports.load(settings.reports, name, settings.warehouse_dialect)
    pairs = [each.partition("=") for each in given]
    if any(not separator for _, separator, _ in pairs):
        raise click.UsageError("write --set NAME=VALUE")
    values = found.bind({key: value for key, _, value in pairs})
    if plot is not None and found.plot is None:
        raise ConfigError(
            "this report has no plot", where=name, fix="write `-- plot: bars X Y` at its top"
        )
    with warehouses.operations(settings) as operations:
        result = operations.query(found.sql, values, 10_000)
    if plot is not None and found.plot is not None:
        from neurova.warehouse.plot import draw

        plot.write_text(draw(found.title, found.plot, result), "utf-8")
        click.echo(f"Created {plot}")
    else:
        print_result(result, "json" if as_json else form)
