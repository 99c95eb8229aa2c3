"""`neurova new project | service | function`."""

from __future__ import annotations

from pathlib import Path

import click

from ..output import json_option, print_document


@click.group()
def new() -> None:
    """Create a project, a service or a function."""


@new.command()
@click.argument("name")
@json_option
def project(name: str, as_json: bool) -> None:
    """Create a project in the new folder NAME, with one function and its test."""
    from neurova.errors import NeurovaError

    from ...scaffold.scaffold import plan_project, write

    files = plan_project(name)
    folder = Path.cwd() / name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NeurovaError("not empty", where=str(folder), fix="choose another name, or remove it")
    _report(write(folder, files), as_json, f"Next: cd {name} && neurova dev")


@new.command()
@click.argument("name")
@json_option
def service(name: str, as_json: bool) -> None:
    """Create a service: a folder whose functions share types and a database."""
    from ...scaffold.scaffold import plan_service, write
    from ...settings.loading import load

    files = write(load().functions, plan_service(name))
    _report(files, as_json, f"Next: neurova new function {name} NAME")


@new.command()
@click.argument("service")
@click.argument("name")
@click.option(
    "--method",
    type=click.Choice(["GET", "POST", "PUT", "PATCH", "DELETE"], case_sensitive=False),
    default="GET",
    help="The HTTP method; default: GET.",
)
@click.option("--path", default="", help="The path; default: /SERVICE/NAME.")
@json_option
def function(service: str, name: str, method: str, path: str, as_json: bool) -> None:
    """Create a function, and its service if that does not exist."""
    from ...scaffold.scaffold import plan_function, plan_service, write
    from ...settings.loading import load

    functions = load().functions
    files = plan_function(service, name, method.upper(), path)
    if not (functions / service).exists():
        files = plan_service(service) | files
    _report(write(functions, files), as_json, "Next: neurova functions")


def _report(files: list[Path], as_json: bool, next_step: str) -> None:
    if as_json:
        print_document({"files": [str(file) for file in files]})
        return
    for file in files:
        shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
        click.echo(f"Created {shown}")
    click.echo(next_step)
