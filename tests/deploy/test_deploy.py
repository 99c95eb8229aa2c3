"""`neurova deploy` from plan to destroy, on a double of Kubernetes' API server."""

from __future__ import annotations

import base64
import gzip
import json
import signal
import subprocess
from typing import Any

import pytest
from tests.serving import NEUROVA, environment

from .conftest import Shop

EVENT = """
from neurova import Event


class Sold(Event):
    name: str
"""
SUBSCRIPTION = """
from neurova import on

from .domain import Sold


@on(Sold)
async def later(event: Sold) -> None:
    pass
"""
USES_STORES = """
from neurova import Mail, Model, Secret, get


@get("/uses", public=True)
async def uses(mail: Mail, model: Model["price@live"], key: Secret["stripe#token"]) -> None:
    pass
"""
DEPLOYMENTS = ["shop-cart-runtime", "shop-greet-runtime", "shop-kong"]


def state(shop: Shop) -> dict[str, Any]:
    """Return the deployed objects without the server's version fields."""
    found = {path: each for path, each in shop.api.objects.items() if "-release-" not in path}
    return {
        path: {key: value for key, value in each.items() if key not in ("metadata", "data")}
        for path, each in found.items()
    }


def kong_weights(shop: Shop) -> dict[str, int]:
    """Return the weight of each target in Kong's configuration."""
    kong = shop.api.objects["/apis/apps/v1/namespaces/shop/deployments/shop-kong"]
    (config,) = [
        each for each in kong["spec"]["template"]["spec"]["volumes"] if "projected" in each
    ]
    packed = b""
    for source in config["projected"]["sources"]:
        part = shop.api.objects[f"/api/v1/namespaces/shop/configmaps/{source['configMap']['name']}"]
        packed += b"".join(map(base64.b64decode, part["binaryData"].values()))
    document = json.loads(gzip.decompress(packed))
    return {each["target"]: each["weight"] for each in document["targets"]}


def test_plan_imports_each_file_once(shop: Shop) -> None:
    file = shop.folder / "functions" / "cart" / "cart.py"
    count = f"with open({str(shop.folder / 'imports')!r}, 'a') as found:\n    found.write('1')\n"
    file.write_text(file.read_text() + count)
    shop.plan()
    assert (shop.folder / "imports").read_text() == "1"


def test_second_plan_is_empty(shop: Shop) -> None:
    assert f"create Deployment/{DEPLOYMENTS[0]}" in shop.plan()
    assert shop.api.changes == []
    shop.deploy()
    assert shop.api.names("deployments") == DEPLOYMENTS
    assert shop.plan() == []
    assert "Nothing to change" in shop.deploy().out


def test_changed_function_changes_one_deployment(shop: Shop) -> None:
    shop.deploy()
    shop.write("cart", "2")
    assert shop.plan() == ["update Deployment/shop-cart-runtime"]
    shop.deploy("--only", "cart")
    assert shop.plan() == []


def test_rollback_brings_the_release_before_back(shop: Shop) -> None:
    shop.deploy()
    before = state(shop)
    shop.write("cart", "2")
    shop.deploy()
    assert state(shop) != before
    assert shop("rollback", "--yes").code == 0
    assert state(shop) == before
    rows = shop("history", "test", "--json").document
    assert [(each["status"], each["note"]) for each in rows] == [
        ("deployed", ""),
        ("deployed", ""),
        ("deployed", "rollback to 1"),
    ]


def test_removed_service_is_pruned(shop: Shop) -> None:
    shop.deploy()
    (shop.folder / "functions" / "greet" / "greet.py").unlink()
    assert "delete Service/shop-greet-runtime" in shop.plan()
    shop.deploy()
    assert shop.api.names("deployments") == ["shop-cart-runtime", "shop-kong"]
    assert len(shop.api.names("configmaps")) == 1 + 2  # one for Kong, two for releases


def test_destroy_leaves_nothing(shop: Shop) -> None:
    shop.deploy()
    assert shop("destroy", "--yes").code == 0
    assert [*shop.api.objects] == ["/api/v1/namespaces/shop"]


def test_access_changes_are_shown_first(shop: Shop) -> None:
    shop.deploy()
    shop.write("cart", access="public=True")
    shop.write("greet", access='scopes=["a:read", "a:admin"]')
    done = shop("test", "--plan")
    assert done.code == 2
    assert done.out.splitlines()[:3] == [
        "Access:",
        "  ! cart.cart  GET HEAD /cart/{id}: a:read -> public",
        "  - greet.greet  GET HEAD /greet/{id}: a:read -> a:read a:admin",
    ]


def test_interrupted_deployment_is_continued(shop: Shop) -> None:
    """Whichever change a deployment stops after, the next one reaches the same final state."""
    shop.deploy()
    shop.write("cart", "2", access="public=True")
    start = json.dumps(shop.api.objects)
    shop.api.changes.clear()
    shop.deploy()
    wanted, steps = state(shop), len(shop.api.changes)
    for step in range(steps):
        shop.api.objects = json.loads(start)
        shop.api.changes.clear()
        shop.api.fail_after = step
        assert shop("test", "--yes").code != 0
        shop.api.fail_after = None
        shop.api.objects = {k: v for k, v in shop.api.objects.items() if "leases" not in k}
        shop.deploy()
        assert state(shop) == wanted, step
        assert shop.plan() == []


@pytest.mark.server
def test_deployment_that_was_killed_is_continued_after_its_lock(shop: Shop) -> None:
    processes: list[subprocess.Popen[bytes]] = []
    shop.api.before[8] = lambda: processes[0].kill()
    words = [NEUROVA, "deploy", "test", "--yes"]
    processes.append(subprocess.Popen(words, env=environment(), stderr=subprocess.DEVNULL))
    assert processes[0].wait() == -signal.SIGKILL
    assert "another deployment runs" in shop.deploy(code=1).err
    path = "/apis/coordination.k8s.io/v1/namespaces/shop/leases/shop-deploy"
    shop.api.objects[path]["spec"]["renewTime"] = "2020-01-01T00:00:00.000000Z"
    assert "Continuing release 1" in shop.deploy().err
    assert shop.plan() == []


def test_unhealthy_release_is_rolled_back(shop: Shop) -> None:
    shop.deploy()
    before = state(shop)
    shop.set("registry.example/shop-", "registry.example/broken-")
    done = shop.deploy(code=1)
    assert "did not become healthy" in done.err
    assert "release 1 serves" in done.err
    assert state(shop) == before
    assert [each["status"] for each in shop("history", "--json").document] == ["deployed", "failed"]


def test_failed_migration_changes_no_deployment(shop: Shop) -> None:
    database = "NEUROVA_SERVICES_CART_DATABASE=postgresql://neurova@postgres/cart"
    shop.set('"NEUROVA_GATEWAY_LIMITS', f'"{database}",\n  "NEUROVA_GATEWAY_LIMITS')
    shop.deploy()
    before = state(shop)
    revision = shop.folder / "functions" / "cart" / "migrations" / "0001.py"
    revision.parent.mkdir()
    revision.write_text("")
    shop.set("registry.example/shop-", "registry.example/broken-")
    shop.api.changes.clear()
    assert "did not become healthy: no table" in shop.deploy(code=1).err
    assert not [each for each in shop.api.changes if "/deployments/" in each]
    assert state(shop) == before


def test_missing_keda_names_the_fix(shop: Shop) -> None:
    shop.set("ready = 5", "ready = 5\nsubscriptions_max = 3")
    shop.set(
        '"PGPASSWORD=postgres#password"',
        '"PGPASSWORD=postgres#password", "NEUROVA_BUS_URL=bus#url", "NEUROVA_SCHEMAS_URL=bus#r"',
    )
    (shop.folder / "functions" / "cart" / "domain.py").write_text(EVENT)
    (shop.folder / "functions" / "cart" / "later.py").write_text(SUBSCRIPTION)
    shop.api.refuses["scaledobjects/"] = (404, "the server could not find the requested resource")
    assert "install KEDA" in shop.deploy(code=1).err


def test_store_that_is_a_file_is_named_with_its_user(shop: Shop) -> None:
    for name, text in (("domain", EVENT), ("later", SUBSCRIPTION), ("uses", USES_STORES)):
        (shop.folder / "functions" / "cart" / f"{name}.py").write_text(text)
    refused = shop("--plan").err
    stores = {
        "bus": "cart",
        "schemas": "cart",
        "mail": "cart",
        "models": "price",
        "secrets": "stri",
    }
    for store, user in stores.items():
        assert f"{store}.url is a file, and {user}" in refused


def test_canary_gets_its_share_and_is_promoted(shop: Shop) -> None:
    shop.deploy()
    shop.write("cart", "2")
    shop.deploy("--canary", "10%")
    assert shop.api.names("deployments") == [
        "shop-cart-runtime",
        "shop-cart-runtime-canary",
        *DEPLOYMENTS[1:],
    ]
    assert kong_weights(shop) == {
        "shop-cart-runtime:8000": 90,
        "shop-cart-runtime-canary:8000": 10,
        "shop-greet-runtime:8000": 100,
    }
    assert "promote" in shop("test", "--plan").err
    assert shop("promote").code == 0
    assert shop.api.names("deployments") == DEPLOYMENTS
    assert shop.plan() == []


def test_canary_is_ended_by_rollback(shop: Shop) -> None:
    shop.deploy()
    before = state(shop)
    shop.write("cart", "2")
    shop.deploy("--canary", "10%")
    assert shop("rollback", "--yes").code == 0
    assert state(shop) == before


def test_drift_by_hand_is_found_and_repaired(shop: Shop) -> None:
    shop.deploy()
    path = "/apis/apps/v1/namespaces/shop/deployments/shop-cart-runtime"
    pod = shop.api.objects[path]["spec"]["template"]["spec"]
    pod["containers"][0]["image"] = "by-hand"
    assert shop.plan() == ["update Deployment/shop-cart-runtime"]
    assert "by-hand" in shop("test", "--plan").out
    shop.deploy()
    assert shop.plan() == []


def test_plan_has_no_change_that_an_autoscaler_makes_meanwhile(shop: Shop) -> None:
    shop.deploy()
    found = shop.api.objects["/apis/apps/v1/namespaces/shop/deployments/shop-cart-runtime"]
    found["spec"]["minReadySeconds"] = 7
    shop.api.meanwhile = lambda: found["spec"].update(replicas=2)
    (change,) = shop("test", "--plan", "--json").document["changes"]
    assert [each["field"] for each in change["fields"]] == ["spec.minReadySeconds"]
    assert shop.api.meanwhile is None


def test_second_deployment_is_refused_while_one_runs(shop: Shop) -> None:
    shop.deploy()
    shop.write("cart", "2")
    lease = {"holderIdentity": "ada, laptop 7", "leaseDurationSeconds": 30}
    lease["renewTime"] = "2999-01-01T00:00:00.000000Z"
    path = "/apis/coordination.k8s.io/v1/namespaces/shop/leases/shop-deploy"
    shop.api.objects[path] = {"metadata": {"resourceVersion": "1"}, "spec": lease}
    done = shop.deploy(code=1)
    assert "another deployment runs: ada, laptop 7" in done.err
    shop.api.objects[path]["spec"]["renewTime"] = "2020-01-01T00:00:00.000000Z"
    shop.deploy()


@pytest.mark.parametrize(
    ("part", "status", "message", "said"),
    [
        ("", 401, "Unauthorized", "the credentials are refused"),
        ("namespaces/shop", 404, "not found", "kubectl create namespace shop"),
        ("deployments/", 403, "exceeded quota: small", "raise the ResourceQuota"),
        ("deployments/", 403, "cannot patch", "give your account a Role"),
        ("services/", 422, "spec.type: Unsupported value", "correct the setting"),
    ],
)
def test_refusal_names_the_fix(shop: Shop, part: str, status: int, message: str, said: str) -> None:
    shop.api.refuses[part] = (status, message)
    done = shop("test", "--yes")
    assert done.code in (1, 3)
    assert said in done.err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kubeconfig = "kubeconfig"', 'kubeconfig = "gone"', "no credentials"),
        ("NEUROVA_GATEWAY_LIMITS=redis://redis:6379/0", "A=1", "gateway.limits is a file"),
        ("[project]", '[gateway]\nidentity = "a#b"\n[project]', "gateway.identity: the target"),
        ("[project]", "[warehouse]\nenabled = true\n[project]", "its writer is not deployed"),
        (
            "ready = 5",
            "ready = 5\nsubscriptions_max = 3\n[bus]\nurl = 'sqs://eu-west-1/shop'",
            "KEDA scales by queues of RabbitMQ only",
        ),
        ("{version}", "{tag}", "it may have {service} and {version}"),
        ("[deploy.test]", "[deploy.status]", "named like a command"),
    ],
)
def test_wrong_setting_names_the_fix(shop: Shop, old: str, new: str, said: str) -> None:
    shop.set(old, new)
    done = shop("--plan")
    assert done.code in (1, 3)
    assert said in done.err
