"""Lua code for Kong's `post-function` plugin: the guard of a service, and 404 and 405 replies.

If a plugin server is down, hangs or fails, Kong only logs this and passes the call on. The guard
has the lowest priority, so it runs after all plugins. It refuses a call that `neurova-auth` has not
authenticated (`nv`) or `neurova-rate-limit` has not counted (`nv_limit`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ..plugins.refusal import Refusal, refuse, unavailable

_STATED = ("consumer", "key_id", "scopes", "environment")


def guard() -> str:
    """Return Lua code that refuses a call that is not authenticated or not counted.

    The code also adds the limiter's header fields to the reply, which saves the limiter a message
    to Kong.
    """
    tests = "\n   or ".join(f'type(nv.{name}) ~= "string"' for name in _STATED)
    unidentified = _exit(unavailable("Authentication is unavailable"))
    uncounted = _exit(unavailable("Rate limiting is unavailable"))
    return f"""local nv, limit = kong.ctx.shared.nv, kong.ctx.shared.nv_limit
if type(nv) ~= "table" or {tests} then
  {unidentified}
end
if type(limit) ~= "table" then
  {uncounted}
end
kong.response.set_headers(limit)"""


def not_found() -> str:
    """Return Lua code that answers paths without a route."""
    return _exit(refuse(404, "No route matches this path"))


def method_not_allowed(allowed: Sequence[str]) -> str:
    """Return Lua code that answers a method that the routes of a path do not allow."""
    methods = ", ".join(allowed)
    detail = f"Method not allowed, use {methods}"
    return _exit(refuse(405, detail, headers={"allow": methods}))


def _exit(refusal: Refusal) -> str:
    status, body, headers = refusal.reply
    return f"return kong.response.exit({status}, {_table(body)}, {_table(headers)})"


def _table(values: Mapping[str, object]) -> str:
    # A JSON string of printable ASCII is a valid Lua string.
    pairs = (
        f'["{name}"] = {msgspec.json.encode(value).decode()}' for name, value in values.items()
    )
    return "{ " + ", ".join(pairs) + " }"
