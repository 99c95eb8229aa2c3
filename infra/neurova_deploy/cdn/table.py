"""The table of all CDNs: the class for each value of `[deploy.<name>] cdn`."""

from __future__ import annotations

from importlib import import_module

from neurova.errors import ConfigError
from neurova.settings.deploy import Deploy

from .base import Cdn

_CDNS = {"cloudflare": "cloudflare:Cloudflare", "cloudfront": "cloudfront:CloudFront"}


def open_cdn(project: str, environment: str, deploy: Deploy) -> Cdn:
    """Return the CDN of an environment; its module is imported here. Raises ConfigError."""
    if not deploy.cdn:
        raise ConfigError(
            "is not set", where=f"deploy.{environment}.cdn", fix="see docs/cdn.md for its settings"
        )
    module, _, name = _CDNS[deploy.cdn].partition(":")
    kind = getattr(import_module(f".{module}", __package__), name)
    cdn: Cdn = kind(deploy, f"neurova-{project}-{environment}".replace("_", "-").lower())
    return cdn
