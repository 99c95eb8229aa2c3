"""`neurova openapi`."""

from __future__ import annotations

from pathlib import Path

import click

from ..output import json_option, print_document


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="The output file; default: standard output.",
)
@json_option
def openapi(output: Path | None, as_json: bool) -> None:
    """Print the project's OpenAPI document.

    It equals /openapi.json of the platform, which does not have to run.
    """
    from ...composition import inventory
    from ...openapi.service import encode_document
    from ...settings.loading import load

    settings = load()
    found = inventory.load_documented(settings)
    text = _indent(encode_document(found, settings))
    if output is None:
        click.echo(text)
        return
    output.write_text(text + "\n", "utf-8")
    if as_json:
        print_document({"file": str(output), "operations": len(found)})
    else:
        click.echo(f"{output}: {len(found)} operations")


def _indent(document: bytes) -> str:
    import msgspec

    return msgspec.json.format(document, indent=2).decode()
