"""The provider of `target = "kubernetes"`."""

from __future__ import annotations

from collections.abc import Sequence

from neurova.settings.deploy import Deploy
from neurova_gateway.kong_sync.document import write_yaml

from ...project import Project
from ...resource import Resource
from ..base import RenderKong, Target
from . import manifests
from .pods import container_variables


class KubernetesProvider:
    """Render manifests, and apply them in one namespace of a cluster."""

    def variables(self, deploy: Deploy, _: Sequence[str]) -> dict[str, str]:
        """Return the variables of all containers, in addition to the user's `variables`."""
        return container_variables(deploy)

    def render(self, project: Project, kong: RenderKong) -> tuple[Resource, ...]:
        """Return all resources of a project."""
        return manifests.render(project, kong)

    def render_canary(
        self, project: Project, kong: RenderKong, stable: Sequence[Resource], percent: int
    ) -> tuple[Resource, ...]:
        """Return the resources of the current release, and a canary for each changed runtime."""
        return manifests.render_canary(project, kong, stable, percent)

    def write(self, _: Project, resources: Sequence[Resource]) -> str:
        """Return the manifests as one YAML stream."""
        return "---\n".join(write_yaml(each.manifest) for each in resources)

    def open(self, project: Project) -> Target:
        """Return the target: the namespace of a project."""
        from .target import KubernetesTarget  # needs the client, an optional dependency

        return KubernetesTarget(project)
