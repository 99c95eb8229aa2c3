"""The provider of `target = "lambda"`."""

from __future__ import annotations

from collections.abc import Sequence

from neurova.settings.deploy import Deploy
from neurova_gateway.kong_sync.document import write_yaml

from ...project import Project
from ...resource import Resource
from ..base import RenderKong, Target
from . import manifests
from .policy import REASONS


class LambdaProvider:
    """Render resources of AWS, and apply them in one region of an account."""

    def variables(self, deploy: Deploy, _: Sequence[str]) -> dict[str, str]:
        """Return the settings that all functions have, beside the user's `variables`."""
        return manifests.variables(deploy)

    def render(self, project: Project, kong: RenderKong) -> tuple[Resource, ...]:
        """Return all resources of a project; there is no Kong."""
        return manifests.render(project)

    def render_canary(
        self, project: Project, kong: RenderKong, stable: Sequence[Resource], percent: int
    ) -> tuple[Resource, ...]:
        """Return the release that serves, with a weighted version of each function that differs."""
        return manifests.render_canary(project, stable, percent)

    def write(self, _: Project, resources: Sequence[Resource]) -> str:
        """Return the resources as one YAML stream; roles have the reason of each statement."""
        return "---\n".join(
            f"# {each.key}\n{_reasons(each)}{write_yaml(each.manifest)}" for each in resources
        )

    def open(self, project: Project) -> Target:
        """Return the account and region of a project."""
        from .target import LambdaTarget  # the client is an extra

        return LambdaTarget(project)


def _reasons(resource: Resource) -> str:
    if resource.kind != "Role":
        return ""
    sids = [each["Sid"] for each in resource.manifest["Policy"]["Statement"]]
    return "".join(f"# {sid}: {REASONS[sid]}\n" for sid in sids)
