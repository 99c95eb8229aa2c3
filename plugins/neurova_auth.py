"""neurova-auth: authenticate a call by its key. Logic: neurova_gateway.plugins.auth."""

import sys
from itertools import product
from pathlib import Path
from typing import Any

from neurova_gateway.pipeline.identity import HEADER, Identity, load_key
from neurova_gateway.plugins.auth import Authenticator, read_plans
from neurova_gateway.plugins.refusal import Refusal, unavailable
from neurova_gateway.plugins.stores import bound_stores

version = "0.1.0"
priority = 1250
Schema = [
    {"state": {"type": "string", "required": True}},
    {"keys": {"type": "string"}},
    {"environment": {"type": "string", "default": "live", "one_of": ["live", "test"]}},
    {"public": {"type": "boolean", "default": False}},
    {"scopes": {"type": "array", "elements": {"type": "string"}, "default": []}},
    {
        "plans": {
            "type": "map",
            "keys": {"type": "string"},
            "values": {
                "type": "record",
                "fields": [
                    {"scopes": {"type": "array", "elements": {"type": "string"}, "default": []}},
                    {"limit": {"type": "string"}},
                    {"quota": {"type": "integer"}},
                ],
            },
        }
    },
    {"identity_key": {"type": "string"}},
    {"identity_secret": {"type": "string"}},
    {"consumer_headers": {"type": "boolean", "default": False}},
]
# Headers by which a runtime may identify the caller; remove them from requests of clients.
_NAMES = (
    HEADER.lower(),
    "x-consumer-id",
    "x-consumer-username",
    "x-consumer-custom-id",
    "x-consumer-scopes",
    "x-consumer-groups",
    "x-credential-identifier",
    "x-credential-username",
    "x-anonymous-consumer",
    "x-authenticated-userid",
    "x-authenticated-scope",
    "x-authenticated-groups",
)
# WSGI and CGI (RFC 3875, 4.1.18) do not distinguish `_` from `-`, so remove all variants.
_RESERVED = frozenset(
    "".join(letters)
    for name in _NAMES
    for letters in product(*("-_" if letter == "-" else letter for letter in name))
)
_VISIBLE_FIELDS = 100  # the PDK returns at most 100 fields; further fields are not visible
_FAILED = unavailable("Authentication is unavailable")


class Plugin:
    """Refuse a call, or pass its caller to Kong, to later plugins and to the runtime."""

    def __init__(self, config: dict[str, Any]) -> None:
        stores = bound_stores(config)
        environment = config.get("environment") or "live"
        self._authenticator = Authenticator(
            stores.keys,
            accepted=environment,
            scopes=config.get("scopes") or (),
            plans=read_plans(config),
            public=bool(config.get("public")),
            clock=stores.clock,
        )
        self._clock = stores.clock
        key = config.get("identity_key")
        shared = stores.identity if config.get("identity_secret") else None
        keys = shared or (load_key(Path(key)) if key else None)
        self._identity = None if keys is None else Identity(keys, environment)
        self._consumer_headers = bool(config.get("consumer_headers"))

    def access(self, kong: Any) -> object:
        """Authenticate one call; an error here refuses the call."""
        try:
            headers = kong.request.get_headers()
            verdict = self._authenticator.decide(headers, kong.client.get_forwarded_ip)
            if isinstance(verdict, Refusal):
                if verdict.consumer:  # record the caller for Kong's logs
                    kong.client.authenticate(verdict.consumer, verdict.credential)
                return kong.response.exit(*verdict.reply)
            if verdict.consumer:
                kong.client.authenticate(verdict.consumer, verdict.credential)
            hidden = sum(map(len, headers.values())) >= _VISIBLE_FIELDS
            if hidden or not _RESERVED.isdisjoint(headers):
                for name in _RESERVED if hidden else _RESERVED.intersection(headers):
                    kong.service.request.clear_header(name)
            added = verdict.consumer_headers if self._consumer_headers else {}
            if self._identity is not None:
                line = kong.nginx.get_var("request")
                signed = self._identity.sign_request_line(line, verdict.caller, self._clock())
                added = {**added, HEADER: signed}
            if added:
                kong.service.request.set_headers(added)
            # Set `nv` last: the guard treats a call with `nv` as authenticated.
            return kong.ctx.shared.set("nv", verdict.nv)
        except Exception as error:
            print(f"neurova-auth: {type(error).__name__}", file=sys.stderr)
            return kong.response.exit(*_FAILED.reply)


if __name__ == "__main__" or "kong_pdk.server" in sys.modules:
    from neurova_gateway.plugins import kong_compat

    kong_compat.install()
    if __name__ == "__main__":
        kong_compat.serve("neurova-auth", Plugin, version, priority, Schema)
