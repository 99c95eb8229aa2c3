"""Print the result of a query as a table, CSV or JSON."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import click

from .output import print_table

if TYPE_CHECKING:
    from neurova.warehouse.base import Result

FORMATS = ("table", "csv", "json", "parquet")


def print_result(result: Result, form: str) -> None:
    """Print a query result; report on standard error if it was truncated."""
    if form == "json":
        click.echo(_format_json(result))
    elif form == "csv":
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(result.columns)
        writer.writerows([["" if cell is None else cell for cell in row] for row in result.rows])
        click.echo(text.getvalue(), nl=False)
    else:
        rows = [[_format_cell(cell) for cell in row] for row in result.rows]
        print_table(result.columns, rows)
    if not result.is_complete:
        click.echo(f"Only the first {len(result.rows)} rows are shown", err=True)


def _format_json(result: Result) -> str:
    import msgspec

    encoder = msgspec.json.Encoder(decimal_format="number")
    found = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
    return msgspec.json.format(encoder.encode(found), indent=2).decode()


def _format_cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
