"""`neurova model list | train | register | promote | rollback | compare | drift`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..output import json_option, print_document, print_pairs, print_table

if TYPE_CHECKING:
    from neurova.models.base import ModelRegistry, ModelVersion
    from neurova.models.flavour import Extra
    from neurova.settings.settings import Settings

    from ...models.health import Health
    from ...models.publishing import Publisher

HOURS = 24 * 7
alias_option = click.option("--alias", default="champion", help="The alias; default: champion.")


@click.group()
def model() -> None:
    """Train, register, promote, compare and watch models."""


@model.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the versions of all models with their aliases and tags."""
    _, registry = _registry()
    rows: list[tuple[str, str, list[str], dict[str, str]]] = []
    for name in registry.names():
        aliases = registry.aliases(name)
        for each in registry.versions(name):
            named = sorted(alias for alias, version in aliases.items() if version == each.version)
            rows.append((name, each.version, named, dict(each.tags)))
    columns = ("name", "version", "aliases", "tags")
    if as_json:
        print_document([dict(zip(columns, row, strict=True)) for row in rows])
        return
    print_table(
        columns,
        [
            (name, version, " ".join(named), " ".join(f"{key}={tags[key]}" for key in sorted(tags)))
            for name, version, named, tags in rows
        ],
    )


@model.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Run all stages, even those without a change.")
@json_option
@click.pass_context
def train(ctx: click.Context, folder: Path, force: bool, as_json: bool) -> None:
    """Run the DVC pipeline in FOLDER: those stages whose code, data or parameters have changed.

    With --json, what the stages print goes to standard error.
    """
    from importlib.util import find_spec

    from neurova.errors import ConfigError, NeurovaError

    if not (folder / "dvc.yaml").is_file():
        raise ConfigError("has no dvc.yaml", where=str(folder), fix="choose a folder with one")
    if find_spec("dvc") is None:
        raise NeurovaError("DVC is not installed", fix="pip install 'neurova-platform[training]'")
    # Put this environment first on PATH, so that the stages run its `python` and `neurova`.
    bin_ = str(Path(sys.executable).parent)
    path = f"{bin_}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [sys.executable, "-m", "dvc", "repro", *(["--force"] if force else [])]
    done = subprocess.run(  # noqa: S603 - the pipeline of the user's own project
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1"},
        stdout=sys.stderr if as_json else None,
        check=False,
    )
    if as_json:
        print_document({"folder": str(folder), "exit_code": done.returncode})
    ctx.exit(done.returncode)


@model.command()
@click.argument("name")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--metrics", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A JSON file with numbers that describe the model.")  # fmt: skip
@click.option("--data", multiple=True, type=click.Path(path_type=Path),
              help="A file of the training data; may be repeated.")  # fmt: skip
@click.option("--code", multiple=True, type=click.Path(path_type=Path),
              help="A file of the code or its parameters; may be repeated.")  # fmt: skip
@json_option
def register(
    name: str,
    folder: Path,
    metrics: Path | None,
    data: tuple[Path, ...],
    code: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Register the model in FOLDER, saved by MLflow, as a new version of NAME.

    The version gets the hashes of data and code as tags. A version with equal hashes is kept.
    """
    from ...models.publishing import CODE, DATA, hash_files, read_metrics

    tags = {tag: hash_files(files) for tag, files in ((DATA, data), (CODE, code)) if files}
    numbers = read_metrics(metrics) if metrics else {}
    made, is_new = _publisher().register(name, folder, tags, numbers)
    if as_json:
        print_document({"name": name, "version": made.version, "new": is_new, "tags": made.tags})
    else:
        click.echo(f"{'Registered' if is_new else 'Already registered:'} {made}")


@model.command()
@click.argument("name")
@click.argument("version", default="newest")
@alias_option
@json_option
def promote(name: str, version: str, alias: str, as_json: bool) -> None:
    """Let the alias name VERSION of NAME, by default the newest: running functions use it soon."""
    publisher = _publisher()
    if version == "newest":
        version = _newest(publisher.registry, name)
    before = publisher.promote(name, version, alias)
    _print_move(name, alias, version, before, as_json)


@model.command()
@click.argument("name")
@alias_option
@json_option
def rollback(name: str, alias: str, as_json: bool) -> None:
    """Let the alias name the version of NAME that it named before."""
    publisher = _publisher()
    before = publisher.registry.aliases(name).get(alias, "")
    _print_move(name, alias, publisher.rollback(name, alias), before, as_json)


@model.command()
@click.argument("name")
@click.argument("first")
@click.argument("second")
@json_option
def compare(name: str, first: str, second: str, as_json: bool) -> None:
    """Compare the metrics and tags of two versions of NAME."""
    _, registry = _registry()
    found = [_describe(registry, registry.find(name, version)) for version in (first, second)]
    if as_json:
        print_document(
            [
                {"version": each.version, "tags": each.tags, "metrics": extra.metrics}
                for each, extra in found
            ]
        )
        return
    rows = []
    for kind in ("tags", "metrics"):
        values = [dict(each.tags) if kind == "tags" else extra.metrics for each, extra in found]
        for key in sorted({*values[0], *values[1]}):
            rows.append((key, *(_shown(each.get(key)) for each in values)))
    print_table(("", f"version {first}", f"version {second}"), rows)


@model.command()
@click.argument("name")
@alias_option
@click.option("--hours", type=click.FloatRange(0, min_open=True), default=HOURS,
              help="How far back to look; default: a week.")  # fmt: skip
@json_option
@click.pass_context
def drift(ctx: click.Context, name: str, alias: str, hours: float, as_json: bool) -> None:
    """Compare the inputs of NAME's predictions with its training data, and measure its error.

    PSI: below 0.1 is alike, above 0.25 has drifted. Exits with 1 if a feature has drifted.
    """
    from neurova.models.base import Reference

    from ...models.health import measure

    settings, registry = _registry()
    version, extra = _describe(registry, registry.resolve(Reference(name, alias)))
    health = measure(settings.state / "logs", version, extra, time.time() - hours * 3600)
    if as_json:
        features = [each._asdict() for each in health.features]
        print_document({**health._asdict(), "features": features})
    else:
        _print_health(health, extra)
    ctx.exit(1 if any(each.verdict == "drift" for each in health.features) else 0)


def _print_health(health: Health, extra: Extra) -> None:
    tested = extra.metrics.get("mae")
    error = "no true values yet" if health.mae is None else f"{health.mae:.2f}"
    print_pairs(
        [
            ("version", health.version),
            ("predictions", f"{health.predictions}, median {health.median_ms:.1f} ms"),
            ("unanswered", str(health.unanswered)),
            ("by another", f"{health.fallbacks} (version before, after a fault)"),
            ("live MAE", f"{error} over {health.matched}"),
            ("test MAE", "not recorded" if tested is None else f"{tested:.2f}"),
        ]
    )
    rows = [
        (each.feature, f"{each.psi:.3f}", _shown(each.ks), _shown(each.p_value), each.verdict)
        for each in health.features
    ]
    print_table(("feature", "PSI", "KS", "p", "verdict"), rows)


def _print_move(name: str, alias: str, version: str, before: str, as_json: bool) -> None:
    if as_json:
        print_document({"name": name, "alias": alias, "version": version, "before": before})
    else:
        click.echo(f"{name}@{alias} is version {version}" + (f", was {before}" if before else ""))


def _newest(registry: ModelRegistry, name: str) -> str:
    from neurova.models.base import UnknownModel

    found = registry.versions(name)
    if not found:
        raise UnknownModel(f"no model {name}", fix="`neurova model list` shows what there is")
    return found[-1].version


def _describe(registry: ModelRegistry, version: ModelVersion) -> tuple[ModelVersion, Extra]:
    from neurova.models.flavour import load_extra

    return version, load_extra(registry, version)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def _registry() -> tuple[Settings, ModelRegistry]:
    from ...composition import backends
    from ...settings.loading import load

    settings = load()
    return settings, backends.open_models(settings)


def _publisher() -> Publisher:
    from ...composition.state import prepare
    from ...models.publishing import Publisher
    from ...settings.loading import load

    settings = load()
    prepare(settings.state)
    return Publisher(settings)
