"""Step: require exactly one valid Host header, with a configured name if names are set."""

from __future__ import annotations

import re
from collections.abc import Sequence

from neurova.http.call import Call
from neurova.http.problem import problem
from neurova.http.reply import Reply

from . import health
from .route_entry import Step

CACHED = 256
# RFC 9110, 7.2 and RFC 3986, 3.2.2, restricted to characters of host names and addresses.
_HOST = re.compile(rb"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")


def host_check(names: Sequence[str]) -> Step:
    """Return the step; if `names` is not empty, it refuses other hosts. Ports are ignored."""
    hosts = frozenset(name.encode() for name in names)
    accepted: set[bytes] = set()

    def check_host(call: Call) -> Reply | None:
        headers = call.headers
        value = headers.get(b"host")
        if len(headers) != len(call.fields) and _has_several(call):
            return problem(call, 400, "Multiple Host headers, send exactly one")
        if value in accepted:
            return None
        if value is None or not _HOST.fullmatch(value):
            return problem(call, 400, "Host header missing or invalid, send exactly one")
        if call.raw_path == health.RAW_PATH:  # load balancers check an address, not a name
            return None
        if hosts and _strip_port(value) not in hosts:
            return problem(call, 421, "This Host is not served here")
        if len(accepted) < CACHED:
            accepted.add(value)
        return None

    return check_host


def _has_several(call: Call) -> bool:
    return sum(name == b"host" for name, _ in call.fields) > 1


def _strip_port(host: bytes) -> bytes:
    name = host.lower()
    return name if name.endswith(b"]") else name.rpartition(b":")[0] or name
