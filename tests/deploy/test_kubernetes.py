"""The deployment tests on a real API server, which validates strictly and merges itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from tests.servers.kubernetes import KubernetesServer

from .api_server import ApiServer
from .conftest import SETTINGS, Shop

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]
OURS = {
    "configmaps",
    "deployments",
    "networkpolicies",
    "poddisruptionbudgets",
    "secrets",
    "serviceaccounts",
    "services",
}
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[KubernetesServer]:
    urllib3.disable_warnings()
    server = KubernetesServer()
    server.send("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    yield server
    server.stop()


@pytest.fixture
def cluster(
    kubernetes: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    settings = SETTINGS.replace("kubeconfig = ", f'kubeconfig = "{kubernetes.kubeconfig}" # ')
    (tmp_path / "neurova.toml").write_text(settings.replace("ready = 5", "ready = 30"))
    monkeypatch.chdir(tmp_path)
    shop = Shop(tmp_path, ApiServer())
    shop.write("cart")
    shop.write("greet")
    yield shop
    assert shop("destroy", "--yes").code == 0


def generations(kubernetes: KubernetesServer) -> dict[str, int]:
    found = kubernetes.send("GET", DEPLOYMENTS)["items"]
    return {each["metadata"]["name"]: each["metadata"]["generation"] for each in found}


def test_deployment_from_plan_to_destroy(cluster: Shop, kubernetes: KubernetesServer) -> None:
    cluster.deploy()
    assert cluster.plan() == []
    before = generations(kubernetes)
    cluster.write("cart", "2")
    assert cluster.plan() == ["update Deployment/shop-cart-runtime"]
    cluster.deploy()
    after = generations(kubernetes)
    assert {name for name in after if after[name] != before[name]} == {"shop-cart-runtime"}
    assert cluster.plan() == []
    assert cluster("rollback", "--yes").code == 0
    cluster.write("cart", "1")
    assert cluster.plan() == []
    cluster.deploy()
    assert cluster("destroy", "--yes").code == 0
    assert left(kubernetes) == set()


def left(kubernetes: KubernetesServer) -> set[str]:
    found: set[str] = set()
    for path in ("/apis/apps/v1", "/api/v1", "/apis/networking.k8s.io/v1", "/apis/policy/v1"):
        for kind in kubernetes.send("GET", path)["resources"]:
            # Ignore pods (controllers delete them later) and events (kept for an hour).
            if kind["name"] in OURS:
                items: Any = kubernetes.send("GET", f"{path}/namespaces/shop/{kind['name']}")
                names = {each["metadata"]["name"] for each in items["items"]}
                found |= {name for name in names if name.startswith("shop-")}
    return found


def test_drift_by_hand_is_found(cluster: Shop, kubernetes: KubernetesServer) -> None:
    cluster.deploy()
    change = {"spec": {"minReadySeconds": 7}}
    kubernetes.send("PATCH", f"{DEPLOYMENTS}/shop-cart-runtime", change)
    assert cluster.plan() == ["update Deployment/shop-cart-runtime"]
    cluster.deploy()
    assert cluster.plan() == []


def test_wrong_token_is_told(cluster: Shop, kubernetes: KubernetesServer) -> None:
    file = cluster.folder / "other"
    file.write_text(Path(kubernetes.kubeconfig).read_text().replace("admintok", "wrong"))
    cluster.set(str(kubernetes.kubeconfig), str(file))
    assert "the credentials are refused" in cluster("--plan").err
    cluster.set(str(file), str(kubernetes.kubeconfig))
