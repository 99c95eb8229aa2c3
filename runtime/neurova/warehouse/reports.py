"""Saved reports: one SELECT a file in the project's folder `reports/`, described in comments.

-- title: Revenue by month
-- scope: reports:read
-- parameter: since date 2016-01-01
-- plot: bars month revenue
SELECT … WHERE arrival >= CAST($since AS DATE) …
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from ..errors import ConfigError, NeurovaError

ParameterKind = Literal["text", "number", "date"]
PlotKind = Literal["bars", "lines"]
DEFAULT_SCOPE = "reports:read"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_HEADING = re.compile(r"--\s*(\w+):\s*(.*)")


class InvalidParameter(NeurovaError):
    """A value does not fit the parameter `name` of a report."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(what, where=name)
        self.name = name


class Parameter(NamedTuple):
    """A parameter of a report and its default, as text."""

    name: str
    kind: ParameterKind
    default: str


class Plot(NamedTuple):
    """How to draw a report: the column of the x axis, and the columns of the values."""

    kind: PlotKind
    x: str
    y: tuple[str, ...]


class Report(NamedTuple):
    """A saved report. `scope` is the scope that a key needs to read it over HTTP."""

    name: str
    title: str
    scope: str
    parameters: tuple[Parameter, ...]
    plot: Plot | None
    sql: str

    def bind(self, given: Mapping[str, str]) -> dict[str, str | float | int]:
        """Return a value for each parameter. Raises InvalidParameter."""
        known = {each.name for each in self.parameters}
        for name in given:
            if name not in known:
                shown = ", ".join(sorted(known)) or "none"
                raise InvalidParameter(name, f"is not a parameter, this report has {shown}")
        return {
            each.name: _convert(each, given.get(each.name, each.default))
            for each in self.parameters
        }


def load(folder: Path, name: str, dialect: str) -> Report:
    """Return a report, from `NAME.<dialect>.sql` or else `NAME.sql`. Raises ConfigError."""
    if _NAME.fullmatch(name):
        for file in (folder / f"{name}.{dialect}.sql", folder / f"{name}.sql"):
            if file.is_file():
                return parse(file, name)
    found = ", ".join(names(folder)) or "none"
    raise ConfigError(f"there is no report {name!r}", where=str(folder), fix=f"use one of {found}")


def names(folder: Path) -> list[str]:
    """Return the names of the reports in a folder, sorted."""
    return sorted({file.name.partition(".")[0] for file in folder.glob("*.sql")})


def parse(file: Path, name: str) -> Report:
    """Return the report in a file. Raises ConfigError with the line of a fault."""
    title, scope, plot = name.replace("_", " ").capitalize(), DEFAULT_SCOPE, None
    parameters = []
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(file), fix="fix the file") from None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("--"):
            break
        heading = _HEADING.fullmatch(line.strip())
        if heading is None:
            continue
        key, value = heading.groups()
        try:
            match key:
                case "title":
                    title = value
                case "scope":
                    scope = value
                case "parameter":
                    parameters.append(_parse_parameter(value))
                case "plot":
                    plot = _parse_plot(value)
                case _:
                    raise ValueError("use title, scope, parameter or plot")
        except ValueError as error:
            raise ConfigError(
                f"{key!r} cannot be used", where=f"{file}:{number}", fix=str(error)
            ) from None
    return Report(name, title, scope, tuple(parameters), plot, text)


def _parse_parameter(text: str) -> Parameter:
    name, kind, default = (*text.split(None, 2), "", "", "")[:3]
    for known in get_args(ParameterKind):
        if kind == known and _NAME.fullmatch(name):
            parameter = Parameter(name, known, default)
            try:
                _convert(parameter, default)
            except InvalidParameter as error:
                raise ValueError(f"the default {error.what}") from None
            return parameter
    raise ValueError(f"write `NAME KIND DEFAULT` with KIND {', '.join(get_args(ParameterKind))}")


def _parse_plot(text: str) -> Plot:
    words = text.split()
    for kind in get_args(PlotKind):
        if len(words) >= 3 and words[0] == kind:
            return Plot(kind, words[1], tuple(words[2:]))
    raise ValueError("write `bars X Y` or `lines X Y …` with names of columns")


def _convert(parameter: Parameter, text: str) -> str | float | int:
    """Convert a text to a value for the query: a number, or text (also for dates)."""
    try:
        if parameter.kind == "number":
            return int(text) if re.fullmatch(r"-?\d{1,18}", text) else float(text)
        if parameter.kind == "date":
            return date.fromisoformat(text).isoformat()
    except ValueError:
        raise InvalidParameter(parameter.name, f"{text!r} is not a {parameter.kind}") from None
    return text


def describe(report: Report) -> dict[str, Any]:
    """Return a report without its SQL, for callers."""
    return {
        "name": report.name,
        "title": report.title,
        "scope": report.scope,
        "parameters": [each._asdict() for each in report.parameters],
    }
