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
        """Return the variables of all functions, in addition to the user's `variables`."""
        return manifests.variables(deploy)

    def render(self, project: Project, kong: RenderKong) -> tuple[Resource, ...]:
        """Return all resources of a project; this target does not use Kong."""
        return manifests.render(project)

    def render_canary(
        self, project: Project, kong: RenderKong, stable: Sequence[Resource], percent: int
    ) -> tuple[Resource, ...]:
        """Return the current release's resources, with canary versions of changed functions."""
        return manifests.render_canary(project, stable, percent)

    def write(self, _: Project, resources: Sequence[Resource]) -> str:
        """Return the resources as one YAML stream, with the reason for each permission."""
        return "---\n".join(
            f"# {each.key}\n{_reasons(each)}{write_yaml(each.manifest)}" for each in resources
        )

    def open(self, project: Project) -> Target:
        """Return the target: the account and region of a project."""
        from .target import LambdaTarget  # needs boto3, an optional dependency

        return LambdaTarget(project)


def _reasons(resource: Resource) -> str:
    if resource.kind != "Role":
        return ""
    sids = [each["Sid"] for each in resource.manifest["Policy"]["Statement"]]
    return "".join(f"# {sid}: {REASONS[sid]}\n" for sid in sids)
