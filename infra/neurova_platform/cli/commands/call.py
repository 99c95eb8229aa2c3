"""`neurova call METHOD PATH`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..output import has_colour, json_option, print_document

if TYPE_CHECKING:
    from neurova.settings.settings import Settings

    from ...http_client import Answer


@click.command()
@click.argument("method")
@click.argument("path")
@click.option("--data", help="The body: JSON, @FILE, or @- for standard input.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file with the key; default: $NEUROVA_KEY, then the key of `neurova dev`.",
)
@click.option("--port", type=click.IntRange(1, 65_535), help="The port of the platform.")
@json_option
@click.pass_context
def call(
    ctx: click.Context,
    method: str,
    path: str,
    data: str | None,
    key_file: Path | None,
    port: int | None,
    as_json: bool,
) -> None:
    """Call the running platform; show response, time and limits.

    The body goes to standard output, everything else to standard error. A key is never an argument,
    because other users of the machine can read arguments. Exits with 1 for a status of 400 or more.
    """
    from neurova.http.reply import is_token

    from ...http_client import send
    from ...settings.loading import load

    if not is_token(method):
        raise click.BadParameter("write a method, like GET", param_hint="METHOD")
    if not path.startswith("/"):
        raise click.BadParameter('start it with "/"', param_hint="PATH")
    settings = load(flags={"gateway.port": port})
    body = None if data is None else _body(data)
    headers = {} if body is None else {"Content-Type": "application/json"}
    key = _key(settings, key_file)
    if key:
        headers["X-API-Key"] = key
    answer = send(
        _base_url(settings, port),
        method.upper(),
        path,
        headers,
        body,
        trusted=settings.gateway.tls_cert,
    )
    if as_json:
        print_document(_as_document(answer))
    else:
        _show(answer)
    ctx.exit(0 if answer.status < 400 else 1)


def _body(data: str) -> bytes:
    if data == "@-":
        return sys.stdin.buffer.read()
    if data.startswith("@"):
        try:
            return Path(data[1:]).read_bytes()
        except OSError as error:
            raise click.BadParameter(f"{data[1:]}: {error.strerror}", param_hint="--data") from None
    return os.fsencode(data)  # the bytes that the user typed, in any locale


def _key(settings: Settings, key_file: Path | None) -> str:
    from neurova.errors import StateError
    from neurova.files.private import read_private_file

    if key_file is None:
        key = os.environ.get("NEUROVA_KEY") or read_private_file(settings.state / "dev.key") or ""
    else:
        found = read_private_file(key_file)
        if found is None:
            raise StateError("no such file", where=str(key_file), fix="name a file with the key")
        key = found
    if not key.isascii() or any(character.isspace() for character in key):
        raise StateError(
            "The key contains invalid characters", fix="put only the key into its file"
        )
    return key


def _base_url(settings: Settings, port: int | None) -> str:
    from neurova.files.private import read_private_file

    from ...composition.state import ADDRESS
    from ...http_client import address

    gateway = settings.gateway
    running = read_private_file(settings.state / ADDRESS) if port is None else None
    return running or address(gateway.host, gateway.port, tls=bool(gateway.tls_cert))


def _as_document(answer: Answer) -> dict[str, Any]:
    return {
        "status": answer.status,
        "ms": round(answer.ms, 3),
        "headers": answer.headers,
        "body": answer.decoded(),
        "limits": [limit._asdict() for limit in answer.limits()],
    }


def _show(answer: Answer) -> None:
    line = f"HTTP {answer.status} {answer.reason}  {answer.ms:.1f} ms"
    colour = "green" if answer.status < 400 else "red"
    click.echo(click.style(line, fg=colour) if has_colour() else line, err=True)
    for limit in answer.limits():
        total = f" of {limit.limit}" if limit.limit else ""
        reset = f", reset in {limit.reset} s" if limit.reset else ""
        click.echo(f"limit {limit.name}: {limit.remaining}{total} remaining{reset}", err=True)
    if "retry-after" in answer.headers:
        click.echo(f"retry after {answer.headers['retry-after']} s", err=True)
    body = answer.decoded()
    if isinstance(body, str):
        click.echo(body, nl=bool(body) and not body.endswith("\n"))
    else:
        click.echo(json.dumps(body, indent=2, ensure_ascii=False))
