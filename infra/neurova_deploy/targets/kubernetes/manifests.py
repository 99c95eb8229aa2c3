"""Render a project to the resources of Kubernetes, without I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from neurova.errors import ConfigError

from ...project import Project, runtime_name, runtime_targets
from ...resource import Resource, Stage
from ..base import RenderKong
from .functions import RUNTIME, render_runtime, render_unit
from .kong import KONG, render_kong
from .pods import PORT, labels, make, object_name

_LONGEST = 63


def render(project: Project, kong: RenderKong) -> tuple[Resource, ...]:
    """Return all resources of a project."""
    found = [*_render_base(project)]
    for unit in project.units:
        found += render_unit(project, unit)
    found += render_kong(project, kong(runtime_targets(project.name, project.units)))
    return _checked(found)


def render_canary(
    project: Project, kong: RenderKong, stable: Sequence[Resource], percent: int
) -> tuple[Resource, ...]:
    """Return the resources of the current release, and a canary for each changed runtime.

    Raises ConfigError if no runtime has changed.
    """
    hashes = {each.key: each.hash for each in stable}
    found = [each for each in stable if _component(each) != KONG]
    changed = []
    for unit in project.units:
        new = {each.key: each for each in render_unit(project, unit)}
        name = f"Deployment/{runtime_name(project.name, unit.name)}"
        if hashes.get(name) == new[name].hash:
            continue
        changed.append(unit.name)
        found += render_runtime(project, unit, canary=percent)
        jobs = [each for each in new.values() if each.stage == Stage.MIGRATION]
        found += [each for each in jobs if each.key not in hashes]
    if not changed:
        raise ConfigError(
            "no runtime differs from the release that serves",
            where="--canary",
            fix="deploy without --canary",
        )
    targets = runtime_targets(project.name, project.units, tuple(changed), percent)
    found += render_kong(project, kong(targets))
    return _checked(found)


def _render_base(project: Project) -> Iterator[Resource]:
    tags = labels(project, "base")
    for account in ("functions", KONG):
        name = object_name(project, account)
        yield make(
            project,
            Stage.BASE,
            "ServiceAccount",
            "v1",
            name,
            tags,
            automountServiceAccountToken=False,
        )
    name = object_name(project, "identity")
    # The target generates the key that signs caller identities, so that no plan and no release
    # contains it.
    yield make(project, Stage.BASE, "Secret", "v1", name, tags, is_fixed=True, type="Opaque")
    selector = {
        name: labels(project, name) for name in (RUNTIME, KONG, "subscriptions", "relay", "migrate")
    }
    port = [{"port": PORT, "protocol": "TCP"}]
    from_kong = {"from": [{"podSelector": {"matchLabels": selector[KONG]}}], "ports": port}
    rules: dict[str, list[Any]] = {RUNTIME: [from_kong], KONG: [{"ports": port}]}
    for component, tags in selector.items():
        spec: dict[str, Any] = {
            "podSelector": {"matchLabels": tags},
            "policyTypes": ["Ingress"],
            "ingress": rules.get(component, []),
        }
        yield make(
            project,
            Stage.BASE,
            "NetworkPolicy",
            "networking.k8s.io/v1",
            object_name(project, component),
            tags,
            spec=spec,
        )


def _component(resource: Resource) -> str:
    found: str = resource.manifest["metadata"]["labels"]["app.kubernetes.io/component"]
    is_policy = resource.kind in ("NetworkPolicy", "ServiceAccount")
    return "" if is_policy else found


def _checked(resources: list[Resource]) -> tuple[Resource, ...]:
    for each in resources:
        if len(each.name) > _LONGEST:
            raise ConfigError(
                f"the name {each.name} has more than {_LONGEST} characters",
                where="project.name",
                fix="shorten the name of the project or of the service",
            )
    return tuple(sorted(resources, key=lambda each: (each.stage, each.key)))
