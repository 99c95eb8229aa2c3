"""Steps of a runtime behind Kong: verify the caller's identity, check the scopes again."""

from __future__ import annotations

from collections.abc import Sequence
from time import time

from neurova.errors import Unavailable
from neurova.http.call import Call
from neurova.http.problem import problem
from neurova.http.reply import Reply

from ..kong.config import Plugin
from . import health
from .identity import HEADER, Identity, IdentityError
from .route_entry import Step

_AUTH = "neurova-auth"
_FIELD = HEADER.lower().encode()


def identity_check(identity: Identity) -> Step:
    """Return the step that accepts only calls signed by the gateway in front of this runtime."""

    def verify_identity(call: Call) -> Reply | None:
        if call.raw_path == health.RAW_PATH:
            return None
        value = call.headers.pop(_FIELD, b"")
        call.fields = [field for field in call.fields if field[0] != _FIELD]
        target = call.raw_path + (b"?" + call.query if call.query else b"")
        try:
            call.caller = identity.verify(call.method, target, value, time())
        except IdentityError as error:
            return problem(call, 401, f"Not signed by the gateway: {error}")
        except Unavailable:
            return problem(call, 503, "The keys of identities are unavailable, retry later")
        return None

    return verify_identity


def scope_check(plugins: Sequence[Plugin]) -> Step:
    """Return the step that checks the key and the scopes that a route requires.

    Kong has checked them already, but Kong may have matched a different route.
    """
    config = next((plugin.config for plugin in plugins if plugin.name == _AUTH), {})
    is_public = config.get("public", False)
    scopes = frozenset(config.get("scopes", ()))

    def check_scopes(call: Call) -> Reply | None:
        caller = call.caller
        if not is_public and (caller is None or caller.anonymous):
            return problem(call, 401, "An API key is required")
        missing = scopes if caller is None else scopes - caller.scopes
        if missing:
            return problem(call, 403, f"The key lacks scope {', '.join(sorted(missing))}")
        return None

    return check_scopes
