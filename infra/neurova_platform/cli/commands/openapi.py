"""neurova openapi."""

from __future__ import annotations

from pathlib import Path

import click

from ..output import document, json_option


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="The file to write; standard output without it.",
)
@json_option
def openapi(output: Path | None, as_json: bool) -> None:
    """Print the project's OpenAPI document; nothing has to run.

    It is what the platform serves as /openapi.json, always JSON.
    """
    from ...composition import inventory
    from ...openapi.service import encode_document
    from ...settings.loading import load

    settings = load()
    found = inventory.functions(settings)
    text = _formatted(encode_document(found, settings))
    if output is None:
        click.echo(text)
        return
    output.write_text(text + "\n", "utf-8")
    if as_json:
        document({"file": str(output), "operations": len(found)})
    else:
        click.echo(f"{output}: {len(found)} operations")


def _formatted(octets: bytes) -> str:
    import msgspec

    return msgspec.json.format(octets, indent=2).decode()
