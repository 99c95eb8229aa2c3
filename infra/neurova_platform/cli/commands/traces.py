"""`neurova traces` and `neurova traces show`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..durations import Duration
from ..output import has_colour, json_option, print_document, print_table

if TYPE_CHECKING:
    from neurova.traces.base import TraceReader
    from neurova.traces.waterfall import Row

_WIDTH = 30  # characters; the width of the bar of the whole trace


@click.group(invoke_without_command=True)
@click.option("--function", default="", help="Only traces in which this function ran.")
@click.option("--failed", is_flag=True, help="Only traces with a failed span.")
@click.option("--slower", type=float, default=0.0, help="Only traces of so many ms or more.")
@click.option("--since", type=Duration(), default="366d", help="Only traces since then, like 15m.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, help="How many at most.")
@json_option
@click.pass_context
def traces(
    ctx: click.Context,
    function: str,
    failed: bool,
    slower: float,
    since: float,
    limit: int,
    as_json: bool,
) -> None:
    """List the newest traces in the state folder, or show one."""
    if ctx.invoked_subcommand is not None:
        return
    from neurova.traces.base import TraceFilter

    only = TraceFilter(function, failed, slower, time.time() - since)
    found, _ = _reader().list(only, limit)
    if as_json:
        print_document(found)
        return
    print_table(
        ("TIME", "TRACE", "NAME", "STATUS", "MS", "SPANS"),
        [
            (
                time.strftime("%m-%d %H:%M:%S", time.localtime(each.time)),
                each.trace_id,
                _printable(each.name),
                "failed" if each.errors else str(each.status or "-"),
                f"{each.ms:.1f}",
                str(each.spans),
            )
            for each in found
        ],
        whole=("TIME", "TRACE", "STATUS", "MS", "SPANS"),
    )


@traces.command()
@click.argument("trace_id")
@json_option
def show(trace_id: str, as_json: bool) -> None:
    """Draw the spans of the trace TRACE_ID over time."""
    from neurova.traces.base import describe_span
    from neurova.traces.waterfall import arrange

    spans = _reader().find(trace_id.lower())
    if as_json:
        print_document([describe_span(each) for each in spans])
        return
    rows = arrange(spans)
    total = max(row.offset + row.ms for row in rows)
    width = max(len(_label(row)) for row in rows)
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(rows[0].span.start / 1e9))
    click.echo(f"Trace {trace_id.lower()}, {started}, {total:.1f} ms, {len(rows)} spans")
    for row in rows:
        bar = click.style(draw_bar(row, total), fg=_colour(row)) if has_colour() else None
        line = f"{_label(row):<{width}}  {bar or draw_bar(row, total)} {row.ms:>9.2f} ms"
        click.echo(f"{line}  {_details(row)}".rstrip())


def draw_bar(row: Row, total: float) -> str:
    """Return the bar of a span, at least one character, positioned within the whole trace."""
    scale = _WIDTH / total if total else 0.0
    start = min(int(row.offset * scale), _WIDTH - 1)
    length = max(1, min(round(row.ms * scale), _WIDTH - start))
    return f"{' ' * start}{'█' * length}".ljust(_WIDTH)


def _label(row: Row) -> str:
    return "  " * row.depth + _printable(row.span.name)


def _details(row: Row) -> str:
    """Return the most important details of a span: status, URL, outcome and failure."""
    attributes: dict[str, Any] = row.span.attributes
    found: Sequence[Any] = (
        attributes.get("http.response.status_code"),
        attributes.get("url.full"),
        attributes.get("neurova.outcome"),
        "replayed" if attributes.get("neurova.replayed") else None,
        f"failed: {row.span.error}" if row.span.error else None,
    )
    return _printable(" ".join(str(each) for each in found if each))


def _colour(row: Row) -> str:
    return "red" if row.span.error else "cyan"


def _printable(text: str) -> str:
    """Replace terminal control characters: names may come from a client."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _reader() -> TraceReader:
    from ...composition.trace_stores import open_reader
    from ...settings.loading import load

    return open_reader(load())
