"""neurova-rate-limit: limit the calls of callers. Logic: neurova_gateway.plugins.rate_limit."""

import sys
from typing import Any

from neurova_gateway.plugins.rate_limit import RateLimit
from neurova_gateway.plugins.refusal import Refusal, unavailable
from neurova_gateway.plugins.stores import bound_stores

version = "0.1.0"
priority = 910
Schema = [
    {"state": {"type": "string", "required": True}},
    {"limits": {"type": "string"}},
    {"route": {"type": "string"}},
    {"limit": {"type": "string"}},
    {"consumer_limit": {"type": "string"}},
    {"zone": {"type": "string"}},
    {"cost": {"type": "integer", "default": 1, "gt": 0}},
    {"guarded": {"type": "boolean", "default": False}},
]
_FAILED = unavailable("Rate limiting is unavailable")


class Plugin:
    """Refuse a call that exceeds a limit; add the rate limit header fields to the reply."""

    def __init__(self, config: dict[str, Any]) -> None:
        stores = bound_stores(config)
        self._limit = RateLimit(
            stores.limiter,
            route=config.get("route") or config.get("route_id") or "",
            limit=config.get("limit") or "",
            consumer_limit=config.get("consumer_limit") or "",
            cost=int(config.get("cost") or 1),
            zone=config.get("zone") or "UTC",
            clock=stores.clock,
        )
        self._guarded = bool(config.get("guarded"))

    def access(self, kong: Any) -> object:
        """Count one call; an error here refuses the call."""
        try:
            nv = kong.ctx.shared.get("nv")
            verdict = self._limit.decide(nv, kong.client.get_forwarded_ip)
            if isinstance(verdict, Refusal):
                return kong.response.exit(*verdict.reply)
            if self._guarded:
                # The guard admits only calls with `nv_limit`, and adds these fields to the reply.
                return kong.ctx.shared.set("nv_limit", verdict)
            return kong.response.set_headers(verdict) if verdict else None
        except Exception as error:
            print(f"neurova-rate-limit: {type(error).__name__}", file=sys.stderr)
            return kong.response.exit(*_FAILED.reply)


if __name__ == "__main__" or "kong_pdk.server" in sys.modules:
    from neurova_gateway.plugins import kong_compat

    kong_compat.install()
    if __name__ == "__main__":
        kong_compat.serve("neurova-rate-limit", Plugin, version, priority, Schema)
