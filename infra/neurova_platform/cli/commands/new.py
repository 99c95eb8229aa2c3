"""neurova new project | service | function."""

from __future__ import annotations

from pathlib import Path

import click

from ..output import document, json_option


@click.group()
def new() -> None:
    """Make a project, a service or a function."""


@new.command()
@click.argument("name")
@json_option
def project(name: str, as_json: bool) -> None:
    """Make a project in the new folder NAME, with one function and its test."""
    from neurova.errors import NeurovaError

    from ...scaffold.scaffold import plan_project, write

    files = plan_project(name)
    folder = Path.cwd() / name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NeurovaError(f"{folder} is there and not empty: choose another name, or remove it")
    _report(write(folder, files), as_json, f"next: cd {name} && neurova dev")


@new.command()
@click.argument("name")
@json_option
def service(name: str, as_json: bool) -> None:
    """Make a service: a folder in which functions share types and a database."""
    from ...scaffold.scaffold import plan_service, write
    from ...settings.loading import load

    files = write(load().functions, plan_service(name))
    _report(files, as_json, f"next: neurova new function {name} NAME")


@new.command()
@click.argument("service")
@click.argument("name")
@click.option(
    "--method",
    type=click.Choice(["GET", "POST", "PUT", "PATCH", "DELETE"], case_sensitive=False),
    default="GET",
    help="The method it answers (GET).",
)
@click.option("--path", default="", help="The path it answers (/SERVICE/NAME).")
@json_option
def function(service: str, name: str, method: str, path: str, as_json: bool) -> None:
    """Make one function in a service; the service is made when it is not there."""
    from ...scaffold.scaffold import plan_function, plan_service, write
    from ...settings.loading import load

    functions = load().functions
    files = plan_function(service, name, method.upper(), path)
    if not (functions / service).exists():
        files = plan_service(service) | files
    _report(write(functions, files), as_json, "next: neurova functions")


def _report(files: list[Path], as_json: bool, following: str) -> None:
    if as_json:
        document({"files": [str(file) for file in files]})
        return
    for file in files:
        shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
        click.echo(f"made {shown}")
    click.echo(following)
