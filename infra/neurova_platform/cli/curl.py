"""The curl command that `neurova dev` shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from neurova.endpoints.endpoint import Endpoint
from neurova.endpoints.function import HttpFunction

from ..composition.explanation import list_inputs

_PARAMETER = re.compile(r"\{([a-z0-9_]+)\}")


def curl_command(functions: Sequence[Endpoint], url: str, key_file: Path) -> str:
    """Return a command that calls a function with the key in `key_file`, "" if none is suitable.

    The shell reads the key from the file, so the key appears neither in the history nor on screen.
    """
    # Skip mounted apps: the platform does not know their routes.
    ranked = sorted((each for each in functions if isinstance(each, HttpFunction)), key=_difficulty)
    if not ranked:
        return ""
    function = ranked[0]
    method, path = function.description.method, function.description.path
    types = {each.name: each.type for each in list_inputs(function)}
    for name in _PARAMETER.findall(path):
        path = path.replace(f"{{{name}}}", "1" if types.get(name) == "int" else name)
    words = ["curl"]
    if method != "GET":
        words += ["-X", method, "-H", "'Content-Type: application/json'", "-d", "'{}'"]
    if not function.description.public:
        words += ["-H", f'"X-API-Key: $(cat {shlex.quote(str(key_file))})"']
    return " ".join([*words, shlex.quote(url + path)])


def _difficulty(function: HttpFunction) -> tuple[int, int, str]:
    """Rank a function by the number of inputs that a caller must supply."""
    needed = sum(each.required and each.source != "path" for each in list_inputs(function))
    is_get = function.description.method == "GET"
    path = function.description.path
    return (needed * 2 + (not is_get), path.count("{"), path)
