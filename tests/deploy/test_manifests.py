"""The Kubernetes resources: validity, size, network isolation, and canary weights."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from neurova.bus.base import Queue
from neurova.endpoints.factory import make_function
from neurova.execution.context import ExecutionContext
from neurova.functions.decorators import description_of, get
from neurova.resources import Resources
from neurova.settings.deploy import Deploy
from neurova.settings.gateway import Gateway
from neurova_deploy.plan import AccessChange, differences
from neurova_deploy.project import Access, Project, Unit
from neurova_deploy.record import Content, Head, choose_rollback
from neurova_deploy.resource import Resource
from neurova_deploy.targets.kubernetes.manifests import render, render_canary
from neurova_gateway.kong.render import render as render_gateway
from neurova_gateway.kong_sync.document import render_document
from neurova_gateway.kong_sync.entities import Front, build_entities
from neurova_gateway.kong_sync.entity import owner_of

OBJECT_LIMIT = 1 << 20
DEPLOY = Deploy(image="shop-{service}:{version}", kong_image="kong:1", subscriptions_max=5)
FULL = Unit("b_2", ("b_2",), "shop-b:1", (Queue("b.q", ("b.Sold",)),), True, True, "abc")


def project(*units: Unit) -> Project:
    return Project("shop", "test", DEPLOY, units or (Unit("a", ("a",), "shop-a:1"), FULL), ())


def targets_only(targets: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    return {"targets": targets}


def kong_document(resources: tuple[Resource, ...]) -> Any:
    parts = [each.manifest["binaryData"] for each in resources if each.kind == "ConfigMap"]
    files = dict(item for part in parts for item in part.items())
    packed = b"".join(base64.b64decode(files[name]) for name in sorted(files))
    return msgspec.json.decode(gzip.decompress(packed))


def by_key(resources: tuple[Resource, ...]) -> dict[str, dict[str, Any]]:
    return {each.key: each.manifest for each in resources}


def test_unit_has_what_its_functions_need() -> None:
    found = by_key(render(project(), targets_only))
    deployments = [key.partition("/")[2] for key in found if key.startswith("Deployment")]
    assert sorted(deployments) == [
        "shop-a-runtime",
        "shop-b-2-relay",
        "shop-b-2-runtime",
        "shop-b-2-subscriptions",
        "shop-kong",
    ]
    assert "Job/shop-b-2-migrate-abc" in found
    assert found["ScaledObject/shop-b-2-subscriptions"]["spec"]["maxReplicaCount"] == 5


def test_only_kong_reaches_the_runtime() -> None:
    found = by_key(render(project(), targets_only))
    (rule,) = found["NetworkPolicy/shop-runtime"]["spec"]["ingress"]
    (source,) = rule["from"]
    assert source["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "kong"
    assert [port["port"] for port in rule["ports"]] == [8000]
    for part in ("subscriptions", "relay", "migrate"):
        assert found[f"NetworkPolicy/shop-{part}"]["spec"]["ingress"] == []


def test_pods_have_no_privileges_and_time_to_drain() -> None:
    for resource in render(project(), targets_only):
        if resource.kind != "Deployment":
            continue
        pod = resource.manifest["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        assert pod["terminationGracePeriodSeconds"] >= 15 + 30
        for container in (*pod["initContainers"], *pod["containers"]):
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"]
            assert security["capabilities"] == {"drop": ["ALL"]}
        assert resource.manifest["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_kong_closes_idle_connections_before_a_runtime_does() -> None:
    pod = by_key(render(project(), targets_only))["Deployment/shop-kong"]["spec"]["template"]
    variables = {each["name"]: each.get("value") for each in pod["spec"]["containers"][0]["env"]}
    assert 0 < int(variables["KONG_UPSTREAM_KEEPALIVE_IDLE_TIMEOUT"]) < DEPLOY.drain_delay


def test_vault_needs_the_token_of_the_pod() -> None:
    vault = msgspec.structs.replace(DEPLOY, vault_role="shop")
    found = by_key(render(msgspec.structs.replace(project(), deploy=vault), targets_only))
    pod = found["Deployment/shop-a-runtime"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"]
    variables = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert variables["NEUROVA_SECRETS_AUTH"] == "kubernetes"
    assert variables["NEUROVA_SECRETS_ROLE"] == "shop"


def test_canary_has_its_weight_for_changed_units_only() -> None:
    stable = render(project(), targets_only)
    changed = project(Unit("a", ("a",), "shop-a:2"), FULL)
    canary = render_canary(changed, targets_only, stable, 10)
    assert kong_document(canary)["targets"] == {
        "a": ["shop-a-runtime:8000=90", "shop-a-runtime-canary:8000=10"],
        "b_2": ["shop-b-2-runtime:8000"],
    }
    before, after = by_key(stable), by_key(canary)
    assert after["Deployment/shop-a-runtime"] == before["Deployment/shop-a-runtime"]
    spec = after["Deployment/shop-a-runtime-canary"]["spec"]
    assert spec["template"]["spec"]["containers"][0]["image"] == "shop-a:2"
    selector = after["Service/shop-a-runtime"]["spec"]["selector"].items()
    assert not selector <= spec["template"]["metadata"]["labels"].items()


def test_10_000_functions_fit_into_the_objects() -> None:
    @get("/x/{id}", scopes=["x:read"], limit="60/minute")
    async def handler(id: str) -> str:
        return id

    execution = ExecutionContext()
    functions = []
    for number in range(10_000):
        description = msgspec.structs.replace(
            description_of(handler), path=f"/service{number % 100}/function{number}/{{id}}"
        )
        service, name = f"service{number % 100}", f"function{number}.py"
        functions.append(make_function(handler, description, service, name, Resources(), execution))
    config = render_gateway(functions, Gateway(), environment="live", state="/state")
    defaults = {"neurova-auth": {}, "neurova-rate-limit": {}}

    def kong(targets: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        weights = {name: {each[0]: 100} for name, each in targets.items()}
        front = Front(owner_of("shop"), "/state", weights, {}, {}, defaults)
        return render_document(build_entities(config, front))

    names = sorted({each.service for each in functions})
    units = [Unit(name, (name,), f"shop-{name}:1") for name in names]
    resources = render(project(*units), kong)
    sizes = {each.key: len(msgspec.json.encode(each.manifest)) for each in resources}
    assert max(sizes.values()) < OBJECT_LIMIT
    assert len(kong_document(resources)["routes"]) >= 10_000
    content = Content(resources, tuple(Access(f"{n}", "s", "GET /", "x") for n in range(10_000)))
    assert Content.decode(content.encode()).version == content.version


def test_field_that_the_target_would_remove_differs() -> None:
    live, preview = {"spec": {"minReadySeconds": 7, "a": 1}}, {"spec": {"a": 1}}
    assert not [*differences(live, preview)]
    (found,) = differences(live, preview, whole=True)
    assert (found.field, found.before, found.after) == ("spec.minReadySeconds", 7, None)


@pytest.mark.parametrize(
    ("before", "after", "opens"),
    [
        ("", "public", True),
        ("", "a:read", True),
        ("a:read", "public", True),
        ("a:read", "any key", True),
        ("a:read", "a:write", True),
        ("a:read a:write", "a:read", True),
        ("a:read", "a:read a:write", False),
        ("any key", "a:read", False),
        ("public", "any key", False),
        ("public", "", False),
    ],
)
def test_access_that_opens_is_told(before: str, after: str, opens: bool) -> None:
    assert AccessChange("a.a", "GET /a", before, after).opens is opens


@pytest.mark.parametrize(
    ("statuses", "to", "chosen"),
    [
        (["deployed", "deployed"], None, 1),
        (["deployed", "canary"], None, 1),
        (["deployed", "deployed", "failed"], None, 1),
        (["deployed", "deployed", "applying"], None, 2),
        (["deployed", "deployed", "deployed"], 1, 1),
        (["deployed"], None, None),
        ([], None, None),
        (["failed", "deployed"], 1, None),
    ],
)
def test_rollback_chooses_the_release(
    statuses: list[Any], to: int | None, chosen: int | None
) -> None:
    heads = [Head(number, each, "", "", "") for number, each in enumerate(statuses, 1)]
    found = choose_rollback(heads, to)
    assert (found.number if found else None) == chosen
