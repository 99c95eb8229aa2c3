"""`neurova secrets set | get | list | rotate | rotate-identity | import-env`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..output import json_option, print_document, print_table

if TYPE_CHECKING:
    from neurova.secrets.base import Reference, SecretStore
    from neurova.settings.settings import Settings


@click.group()
def secrets() -> None:
    """Set, show, list, rotate and import secrets.

    A secret has a name and fields: stripe#token.
    """


@secrets.command("set")
@click.argument("reference", metavar="NAME#FIELD")
@click.argument("values", nargs=-1, metavar="")
@json_option
def set_(reference: str, values: tuple[str, ...], as_json: bool) -> None:
    """Set a field of a secret to a value from the prompt or from standard input.

    Running processes use it within 5 seconds. Of standard input, the last line break is cut.
    """
    if values:
        raise click.UsageError(
            "A value is no argument, because other users of the machine can read it and the shell "
            f"keeps it: run `neurova secrets set {reference}` and type a new value"
        )
    found = _parse(reference)
    if sys.stdin.isatty():
        value: str = click.prompt(reference, hide_input=True, confirmation_prompt=True, err=True)
    else:
        value = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not value:
        raise click.UsageError("The value is empty: type it, or write it to standard input")
    with _store() as store:
        version = store.write(found.name, {found.field: value})
    if as_json:
        print_document({"secret": reference, "version": version})
    else:
        click.echo(f"Set {reference} (version {version})")


@secrets.command()
@click.argument("reference", metavar="NAME#FIELD")
@click.option("--show", is_flag=True, help="Print the value.")
@json_option
def get(reference: str, show: bool, as_json: bool) -> None:
    """Tell whether a secret is set; its value is only shown with --show."""
    from neurova.secrets.base import find_value

    found = _parse(reference)
    with _store() as store:
        version = store.read(found.name)
        value = find_value(version, found)
    if as_json:
        shown = {"value": value} if show else {}
        print_document({"secret": reference, "version": version.number, **shown})
    elif show:
        click.echo(value)
    else:
        click.echo(f"{reference} is set (version {version.number}); --show prints it")


@secrets.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the names and fields of all secrets, without values."""
    with _store() as store:
        versions = [(name, store.read(name)) for name in store.names()]
    rows = [(f"{name}#{field}", each.number) for name, each in versions for field in each.fields]
    if as_json:
        print_document([{"secret": name, "version": version} for name, version in rows])
    else:
        print_table(("secret", "version"), [(name, str(version)) for name, version in rows])


@secrets.command()
@json_option
def rotate(as_json: bool) -> None:
    """Encrypt the file of secrets under a new key.

    Without NEUROVA_SECRETS_KEY, a new key replaces that in the key file. With NEUROVA_SECRETS_KEY
    set to NEW,OLD the file is encrypted with NEW; afterwards remove OLD.
    """
    from ...composition.secrets import rotate_key

    count = rotate_key(_load())
    if as_json:
        print_document({"secrets": count})
    else:
        click.echo(f"Encrypted {count} secrets under a new key")


@secrets.command("rotate-identity")
@json_option
def rotate_identity(as_json: bool) -> None:
    """Store a new key for the identities that Kong's plugin signs.

    It signs after 30 seconds; the previous key is accepted for two more minutes.
    """
    import time

    from ...composition.identity import rotate_identity as rotate

    keys = rotate(_load(), time.time())
    if as_json:
        print_document({"signs_from": keys.since})
    elif keys.since:
        signs = time.strftime("%H:%M:%S", time.localtime(keys.since))
        click.echo(f"Stored a new identity key, which signs from {signs}")
    else:
        click.echo("Stored the first identity key: start Kong and the runtimes again")


@secrets.command("import-env")
@click.argument("mappings", nargs=-1, required=True, metavar="VARIABLE=NAME#FIELD...")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the variables from this file with lines NAME=VALUE, not from the environment.",
)
@json_option
def import_env(mappings: tuple[str, ...], file: Path | None, as_json: bool) -> None:
    """Set secrets to the values of environment variables: STRIPE_TOKEN=stripe#token."""
    from neurova.secrets.base import group_fields

    variables = dict(os.environ) if file is None else _read_env_file(file)
    values = {}
    for mapping in mappings:
        variable, _, reference = mapping.partition("=")
        _parse(reference)
        if not variables.get(variable):
            where = f"in {file}" if file else "in the environment"
            raise click.UsageError(
                f"There is no variable {variable} {where}: set it, or leave it out"
            )
        values[reference] = variables[variable]
    with _store() as store:
        for name, fields in group_fields(values).items():
            store.write(name, fields)
    if as_json:
        print_document({"secrets": list(values)})
    else:
        click.echo(f"Set {', '.join(values)}. Now remove the variables from where they are set.")


def _parse(reference: str) -> Reference:
    from neurova.secrets.base import parse_reference

    try:
        return parse_reference(reference)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _read_env_file(file: Path) -> dict[str, str]:
    lines = (line.strip().removeprefix("export ") for line in file.read_text("utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def _load() -> Settings:
    from ...settings.loading import load, without_secrets

    return load(secrets=without_secrets)


@contextmanager
def _store() -> Iterator[SecretStore]:
    from ...composition.backends import open_secret_store

    store = open_secret_store(_load())
    try:
        yield store
    finally:
        store.close()
