"""What `neurova new` lays out: pure plans of files, and the one step that writes them."""

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
_TAKEN = {"domain", "migrations"}
_PARAMETER = re.compile(r"\{([a-z0-9_]+)\}")

Plan = dict[str, str]
"""Path below the project's folder -> text."""


def project(name: str) -> Plan:
    """Plan a project with one service, its test and its settings.

    Raises NeurovaError for a name that cannot be a project's.
    """
    if not _PROJECT.fullmatch(name):
        raise NeurovaError(
            f"{name!r} cannot name a project: start with a lower-case letter, "
            'then lower-case letters, digits, "-" and "_"'
        )
    files = {
        "functions/hello/domain.py": "project/domain.py.tmpl",
        "functions/hello/hello.py": "project/hello.py.tmpl",
        "tests/test_hello.py": "project/test_hello.py.tmpl",
        "neurova.toml": "project/neurova.toml.tmpl",
        "pyproject.toml": "project/pyproject.toml.tmpl",
        ".gitignore": "project/gitignore.tmpl",
    }
    return {path: _fill(source, name=name) for path, source in files.items()}


def service(name: str) -> Plan:
    """Plan a service without functions. Raises NeurovaError for a name that cannot be one's."""
    _check(name, "service")
    return {f"{name}/domain.py": _fill("domain.py.tmpl", name=name)}


def function(service: str, name: str, method: str = "GET", path: str = "") -> Plan:
    """Plan one function; `path` "" is /<service>/<name>.

    Raises NeurovaError for a name, LoadError for a path that cannot be.
    """
    _check(service, "service")
    _check(name, "function")
    path = path or f"/{service}/{name.replace('_', '-')}"
    # The decorator itself says what a path may be.
    getattr(neurova, method.lower())(path)
    names = _PARAMETER.findall(path)
    for parameter in names:
        _check(parameter, "parameter")
    parameters = [f"{parameter}: str" for parameter in names]
    with_body = method in ("POST", "PUT", "PATCH")
    body = name.title().replace("_", "")
    sent = "sent"
    while sent in names:
        sent += "_"
    if with_body:
        parameters.insert(0, f"{sent}: {body}")
    text = _fill(
        "function_with_body.py.tmpl" if with_body else "function.py.tmpl",
        title=f"{name.replace('_', ' ').capitalize()} of {service}",
        decorator=method.lower(),
        path=path,
        scope=f"{service}:{'read' if method == 'GET' else 'write'}",
        name=name,
        body=body,
        sent=sent,
        parameters=", ".join(parameters),
        result=", ".join(f'"{parameter}": {parameter}' for parameter in names) or '"says": "hello"',
    )
    return {f"{service}/{name}.py": text}


def lay(folder: Path, plan: Mapping[str, str]) -> list[Path]:
    """Write a plan below `folder` and return the files; nothing is ever overwritten.

    Raises NeurovaError when one of them is there, or the disk refuses.
    """
    files = {folder / path: text for path, text in plan.items()}
    for file in files:
        if file.exists():
            raise NeurovaError(f"{file} is there already: choose another name, or remove it")
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as new:
                new.write(text)
    except OSError as error:
        raise NeurovaError(f"{error.filename}: cannot be written: {error.strerror}") from None
    return list(files)


def _check(name: str, what: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name in _TAKEN:
        raise NeurovaError(
            f"{name!r} cannot name a {what}: start with a lower-case letter, then lower-case "
            f"letters, digits and _, and no word of Python nor {' nor '.join(sorted(_TAKEN))}"
        )


def _fill(source: str, **values: str) -> str:
    return Template(template(source)).substitute(values)
