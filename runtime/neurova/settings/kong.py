"""The section `[gateway.kong]` of neurova.toml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from .section import Section

HIGHEST_WEIGHT = 65_535
_TARGET = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):([0-9]{1,5})(?:=([0-9]{1,5}))?")


class Kong(Section, frozen=True):
    """Configure the Kong in front of the runtime.

    `admin`: URLs of its Admin API, of every node if it has no database. `targets`: the runtimes,
    "host:port" or "host:port=weight", empty for `gateway.host` and `gateway.port`. `state`: the
    state folder on Kong's machine, empty for `project.state`. `not_found`: answer unknown paths.
    """

    admin: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    state: str = ""
    not_found: bool = True


def parse_targets(targets: tuple[str, ...]) -> dict[str, int]:
    """Return the weight of each "host:port=weight", 100 without one. Raises ValueError."""
    weights: dict[str, int] = {}
    for target in targets:
        match = _TARGET.fullmatch(target)
        weight = int(match[3] or 100) if match else 0
        if match is None or int(match[2]) > HIGHEST_WEIGHT or weight > HIGHEST_WEIGHT:
            raise ValueError(
                f'{target!r} is not a target, write "10.0.0.5:8000" or "10.0.0.5:8000=10"'
            )
        weights[f"{match[1]}:{match[2]}"] = weight
    return weights


def find_kong_faults(kong: Kong) -> Iterator[tuple[str, str]]:
    """Yield each key in `[gateway.kong]` with an invalid value, and what is wrong."""
    for url in kong.admin:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            yield "kong.admin", f'{url!r} is not a URL, write one like "http://127.0.0.1:8001"'
    yield from find_target_faults("kong.targets", kong.targets)
    if kong.state and not kong.state.startswith("/"):
        yield (
            "kong.state",
            f"{kong.state!r} is not an absolute path, write the one on Kong's machine",
        )


def find_target_faults(key: str, targets: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the key if one of its targets is invalid, and what is wrong."""
    try:
        parse_targets(targets)
    except ValueError as error:
        yield key, str(error)
