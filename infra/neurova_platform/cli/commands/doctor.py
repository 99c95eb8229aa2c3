"""`neurova doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..output import has_colour, json_option, print_document

if TYPE_CHECKING:
    from ...doctor.finding import Finding

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check what the platform needs, and show how to fix it.

    Exits with 1 if a check fails.
    """
    from ...doctor.checks import examine

    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        print_document(findings)
    ctx.exit(1 if any(finding.verdict == "fail" for finding in findings) else 0)


def _show(finding: Finding) -> None:
    verdict = f"{finding.verdict:<4}"
    if has_colour():
        verdict = click.style(verdict, fg=_COLOURS[finding.verdict])
    indented = finding.what.replace("\n", "\n      ")
    click.echo(f"{verdict}  {finding.check}: {indented}")
    if finding.fix:
        click.echo(f"      fix: {finding.fix}")
