"""What `neurova deploy site` needs of a project: its page, and the routes of its API."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from neurova.endpoints.endpoint import Endpoint
from neurova.endpoints.function import HttpFunction
from neurova.errors import ConfigError
from neurova.settings.deploy import Deploy
from neurova_deploy.cdn.base import Front
from neurova_deploy.cdn.routes import api_routes
from neurova_deploy.cdn.site import Site, build_site
from neurova_gateway.kong_sync.entity import owner_of

from ..composition.inventory import load_functions
from ..composition.kong_entities import platform_functions_of
from ..settings.loading import load, without_secrets
from .project import find_environment

_SHARED = frozenset(["path", "query", "body"])
"""The parameters of a reply that is the same for all callers of a URL."""


class SiteDeployment(NamedTuple):
    """A page for one environment, and what its CDN does beside it."""

    project: str
    environment: str
    deploy: Deploy
    site: Site
    front: Front


def load_site_deployment(start: Path | None, environment: str) -> SiteDeployment:
    """Return the page as `environment` has it. Raises ConfigError."""
    settings = load(start, secrets=without_secrets)
    deploy = find_environment(settings, environment)
    if not settings.site.folder:
        fix = "set it to the folder of the page, see docs/web.md"
        raise ConfigError("is not set", where="site.folder", fix=fix)
    site = build_site(Path(settings.site.folder), {"api": ""})
    functions: list[Endpoint] = [*load_functions(settings)]
    functions += platform_functions_of(functions, settings, "live")
    front = Front(api_routes(_templates(functions)), dict(site.headers))
    project = owner_of(settings.project.name).name
    return SiteDeployment(project, environment, deploy, site, front)


def _templates(functions: Iterable[Endpoint]) -> Iterable[tuple[str, bool]]:
    return ((each.description.template, may_be_stored(each)) for each in functions)


def may_be_stored(function: Endpoint) -> bool:
    """Return whether a CDN may store replies: with `cache`, public, and only by its URL."""
    return (
        isinstance(function, HttpFunction)
        and bool(function.description.cache)
        and function.description.public
        and not any(
            each.kind in ("header", "cookie", "caller", "request")
            for each in function.binding.parameters
        )
    )
