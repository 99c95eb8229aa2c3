"""Load a project for `neurova deploy site`: its public page, and the routes of its API."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from neurova.endpoints.endpoint import Endpoint
from neurova.endpoints.function import HttpFunction
from neurova.errors import ConfigError
from neurova_deploy.cdn.base import Front
from neurova_deploy.cdn.routes import api_routes
from neurova_deploy.cdn.site import Site, build_site

from ..composition.inventory import load_functions
from ..composition.kong_entities import platform_functions_of
from ..settings.loading import load, without_secrets

_PERSONAL = frozenset(["caller", "cookie", "header", "request"])
"""The parameters by which callers of one URL may get different replies."""


class SiteDeployment(NamedTuple):
    """A public page, and the configuration of its CDN."""

    site: Site
    front: Front


def load_site_deployment(start: Path | None) -> SiteDeployment:
    """Return the page of the project that contains `start`. Raises ConfigError."""
    settings = load(start, secrets=without_secrets)
    if not settings.site.folder:
        fix = "set it to the folder of the page, see docs/web.md"
        raise ConfigError("is not set", where="site.folder", fix=fix)
    site = build_site(Path(settings.site.folder), {"api": ""})
    functions: list[Endpoint] = [*load_functions(settings)]
    functions += platform_functions_of(functions, settings, "live")
    routes = api_routes((each.description.template, _may_be_stored(each)) for each in functions)
    return SiteDeployment(site, Front(routes, dict(site.headers)))


def _may_be_stored(function: Endpoint) -> bool:
    """Return whether a CDN may store a function's responses.

    The function must be public, have `cache`, and respond in the same way to all callers of a URL.
    """
    return (
        isinstance(function, HttpFunction)
        and bool(function.description.cache)
        and function.description.public
        and _PERSONAL.isdisjoint(each.kind for each in function.binding.parameters)
    )
