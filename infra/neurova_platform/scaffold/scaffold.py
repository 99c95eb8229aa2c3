"""Plan the files of `neurova new` without I/O, then write them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template

import neurova
from neurova.errors import NeurovaError

from ..assets import template

_PROJECT = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_RESERVED = {"domain", "migrations"}
_PARAMETER = re.compile(r"\{([a-z0-9_]+)\}")

_PIPELINE = (
    ".github/workflows/neurova.yml",
    ".github/workflows/neurova-deploy.yml",
    ".ci/images",
    ".ci/plan",
    ".ci/deploy",
    ".ci/take-back",
    "Dockerfile",
)
"""Files whose text is the same in every new project."""

Plan = dict[str, str]
"""The files to create: the text of each, by its path below the project's folder."""


def plan_project(name: str) -> Plan:
    """Plan a project: one service with a test, the settings, and a GitHub pipeline.

    Raises NeurovaError for an invalid name.
    """
    if not _PROJECT.fullmatch(name):
        raise NeurovaError(
            f"{name!r} is not a project name",
            fix='start with a lower-case letter, then lower-case letters, digits, "-" and "_"',
        )
    files = {
        "functions/hello/domain.py": "project/domain.py.tmpl",
        "functions/hello/hello.py": "project/hello.py.tmpl",
        "tests/test_hello.py": "project/test_hello.py.tmpl",
        "neurova.toml": "project/neurova.toml.tmpl",
        "pyproject.toml": "project/pyproject.toml.tmpl",
        ".gitignore": "project/gitignore.tmpl",
    }
    plan = {path: _fill(source, name=name) for path, source in files.items()}
    return plan | {path: template(f"pipeline/{Path(path).name}") for path in _PIPELINE}


def plan_service(name: str) -> Plan:
    """Plan a service without functions. Raises NeurovaError for an invalid name."""
    _check_name(name, "service")
    return {f"{name}/domain.py": _fill("domain.py.tmpl", name=name)}


def plan_function(service: str, name: str, method: str = "GET", path: str = "") -> Plan:
    """Plan one function; an empty `path` is /<service>/<name>.

    Raises NeurovaError for an invalid name, LoadError for an invalid path.
    """
    _check_name(service, "service")
    _check_name(name, "function")
    path = path or f"/{service}/{name.replace('_', '-')}"
    getattr(neurova, method.lower())(path)  # the decorator checks the path
    names = _PARAMETER.findall(path)
    for parameter in names:
        _check_name(parameter, "parameter")
    parameters = [f"{parameter}: str" for parameter in names]
    with_body = method in ("POST", "PUT", "PATCH")
    body_type = name.title().replace("_", "")
    body = "body"
    while body in names:
        body += "_"
    if with_body:
        parameters.insert(0, f"{body}: {body_type}")
    text = _fill(
        "function_with_body.py.tmpl" if with_body else "function.py.tmpl",
        title=f"{name.replace('_', ' ').capitalize()} of {service}",
        decorator=method.lower(),
        path=path,
        scope=f"{service}:{'read' if method == 'GET' else 'write'}",
        name=name,
        body=body,
        body_type=body_type,
        parameters=", ".join(parameters),
        result=", ".join(f'"{parameter}": {parameter}' for parameter in names)
        or '"message": "hello"',
    )
    return {f"{service}/{name}.py": text}


def write(folder: Path, plan: Mapping[str, str]) -> list[Path]:
    """Write a plan below `folder` and return the files.

    Raises NeurovaError if a file exists or cannot be written.
    """
    files = {folder / path: text for path, text in plan.items()}
    for file in files:
        if file.exists():
            raise NeurovaError(
                "already exists", where=str(file), fix="choose another name, or remove the file"
            )
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as new:
                new.write(text)
    except OSError as error:
        raise NeurovaError(
            f"the file cannot be written: {error.strerror}", where=str(error.filename)
        ) from None
    return list(files)


def _check_name(name: str, what: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name in _RESERVED:
        raise NeurovaError(
            f"{name!r} is not a {what} name",
            fix="start with a lower-case letter, then lower-case letters, digits and _; "
            f"Python's keywords, {' and '.join(sorted(_RESERVED))} are reserved",
        )


def _fill(source: str, **values: str) -> str:
    return Template(template(source)).substitute(values)
