"""The provider of `target = "compose"`."""

from __future__ import annotations

from collections.abc import Sequence

from neurova.errors import ConfigError
from neurova.settings.deploy import Deploy
from neurova_gateway.kong_sync.document import write_yaml

from ...project import Project
from ...resource import Resource
from ..base import RenderKong, Target
from .render import document, render, variables
from .services import compose_name


class ComposeProvider:
    """Render services, and run them with the command line of Docker or Podman."""

    def variables(self, deploy: Deploy, services: Sequence[str]) -> dict[str, str]:
        """Return the variables of all containers, in addition to the user's `variables`."""
        return variables(deploy, services)

    def render(self, project: Project, kong: RenderKong) -> tuple[Resource, ...]:
        """Return the services of the chosen profile."""
        return render(project, kong)

    def render_canary(
        self, project: Project, kong: RenderKong, stable: Sequence[Resource], percent: int
    ) -> tuple[Resource, ...]:
        """Raise ConfigError, because Compose runs only one version at a time."""
        raise ConfigError(
            "Compose has no canary", where="--canary", fix="deploy without it, or to Kubernetes"
        )

    def write(self, project: Project, resources: Sequence[Resource]) -> str:
        """Return the resources as a Compose file."""
        services = {each.name: each.manifest for each in resources}
        return write_yaml(document(compose_name(project), services))

    def open(self, project: Project) -> Target:
        """Return the target: the containers of a project on this machine or in DOCKER_HOST."""
        from .target import ComposeTarget

        return ComposeTarget(project)
