"""A curl line that works as it stands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from neurova.endpoints.endpoint import Endpoint
from neurova.endpoints.function import HttpFunction

from ..doctor.explanation import inputs

_PARAMETER = re.compile(r"\{([a-z0-9_]+)\}")


def line(functions: Sequence[Endpoint], url: str, key_file: Path) -> str:
    """Return a command that calls one of the functions with the key in `key_file`; "" for none.

    The shell reads the key: it is in no history, no scrollback and no argument of ours.
    """
    # What a mounted app answers nobody knows but the app.
    ranked = sorted((each for each in functions if isinstance(each, HttpFunction)), key=_effort)
    if not ranked:
        return ""
    function = ranked[0]
    method, path = function.description.method, function.description.path
    types = {each.name: each.type for each in inputs(function)}
    for name in _PARAMETER.findall(path):
        path = path.replace(f"{{{name}}}", "1" if types.get(name) == "int" else name)
    words = ["curl"]
    if method != "GET":
        words += ["-X", method, "-H", "'Content-Type: application/json'", "-d", "'{}'"]
    if not function.description.public:
        words += ["-H", f'"X-API-Key: $(cat {shlex.quote(str(key_file))})"']
    return " ".join([*words, shlex.quote(url + path)])


def _effort(function: HttpFunction) -> tuple[int, int, str]:
    """Rank a function by what a caller must know: first what answers to its bare path."""
    needed = sum(each.required and each.source != "path" for each in inputs(function))
    reading = function.description.method == "GET"
    path = function.description.path
    return (needed * 2 + (not reading), path.count("{"), path)
