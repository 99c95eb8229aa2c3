"""A project's pipeline scripts, with doubles of the cluster, GitHub and Docker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from neurova_deploy.markdown import write_markdown
from neurova_deploy.plan import AccessChange, Change, Difference, Plan
from neurova_platform.scaffold.scaffold import plan_project, write

from .api_server import ApiServer, serve
from .conftest import Shop

PROGRAM = """#!/bin/sh
echo "$(basename "$0") $*" >> programs.log
case "$(basename "$0") $*" in $REFUSED) exit 1 ;; esac
"""


@pytest.fixture
def pipeline(shop: Shop) -> Shop:
    """Return the project with its scripts, and programs that only log their arguments."""
    for path, text in plan_project("shop").items():
        if path.startswith(".ci/"):
            write(shop.folder, {path: text})
    for name in ("docker", "grype", "aws"):
        program = shop.folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(PROGRAM)
        program.chmod(0o755)
    return shop


def run(shop: Shop, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{shop.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "REFUSED": "-", **variables}
    command = ["bash", f".ci/{words[0]}", *words[1:], "test"]
    return subprocess.run(command, cwd=shop.folder, env=environment, capture_output=True, text=True)


def deploy(shop: Shop, check: str = "true") -> int:
    return run(shop, "deploy", CANARY="10%", MINUTES="0", CHECK=check).returncode


def releases(shop: Shop) -> list[tuple[str, int, str]]:
    rows = shop("history", "test", "--json").document
    return [(each["status"], each["canary"], each["note"]) for each in rows]


@pytest.mark.server
def test_healthy_canary_is_promoted(pipeline: Shop) -> None:
    assert deploy(pipeline) == 0
    assert releases(pipeline) == [("deployed", 0, "")]  # the first release is no canary
    pipeline.write("cart", "2")
    assert deploy(pipeline) == 0
    assert releases(pipeline)[1:] == [("canary", 10, ""), ("deployed", 0, "promotion of 2")]
    assert pipeline.plan() == []
    assert deploy(pipeline) == 0
    assert len(releases(pipeline)) == 3


@pytest.mark.server
def test_failed_check_takes_the_canary_back(pipeline: Shop) -> None:
    pipeline.deploy()
    pipeline.write("cart", "2")
    assert deploy(pipeline, check="test ! -e neurova.toml") == 1
    assert releases(pipeline)[1:] == [("canary", 10, ""), ("deployed", 0, "rollback to 1")]
    assert pipeline.plan() == ["update Deployment/shop-cart-runtime"]


@pytest.mark.server
def test_cancelled_run_takes_back_only_a_canary(pipeline: Shop) -> None:
    for text in ("1", "2"):
        pipeline.write("cart", text)
        pipeline.deploy()
    pipeline.write("cart", "3")
    pipeline.deploy("--canary", "10%")
    for _ in range(2):
        assert run(pipeline, "take-back").returncode == 0
    assert releases(pipeline)[2:] == [("canary", 10, ""), ("deployed", 0, "rollback to 2")]


@pytest.mark.server
def test_unhealthy_canary_keeps_the_release_before(pipeline: Shop) -> None:
    pipeline.deploy()
    pipeline.write("cart", "2")
    pipeline.deploy()
    pipeline.set("registry.example/shop-", "registry.example/broken-")
    assert deploy(pipeline) == 1
    assert [each[0] for each in releases(pipeline)] == ["deployed", "deployed", "failed"]


@pytest.mark.server
def test_changed_access_is_deployed_as_a_whole(pipeline: Shop) -> None:
    pipeline.deploy()
    pipeline.write("cart", access="public=True")
    assert deploy(pipeline) == 0
    assert releases(pipeline)[1:] == [("deployed", 0, "")]


class GitHub(ApiServer):
    """A double of GitHub's API with the comments of one pull request."""

    def __init__(self) -> None:
        super().__init__()
        mine = "<!-- neurova plan of test -->"
        self.comments = [{"id": 7, "user": {"type": "User"}, "body": f"{mine} is its marker"}]

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if (method, path) == ("POST", "/repos/me/shop/issues/3/comments"):
            self.comments.append({"id": 8, "user": {"type": "Bot"}, **body})
            return 201, {}
        if (method, path) == ("PATCH", "/repos/me/shop/issues/comments/8"):
            self.comments[1] |= body
            return 200, {}
        assert (method, path) == ("GET", "/repos/me/shop/issues/3/comments")
        return 200, self.comments


@pytest.mark.server
def test_plan_is_one_comment_that_is_updated(pipeline: Shop) -> None:
    github = GitHub()
    with serve(github) as url:
        files = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary"}
        at = {"GITHUB_API_URL": url, "GITHUB_REPOSITORY": "me/shop", "GITHUB_TOKEN": "t"}
        for access in ('scopes=["a:read"]', "public=True"):
            pipeline.write("cart", access=access)
            ran = run(pipeline, "plan", PULL_REQUEST="3", **at, **files)
            assert ran.returncode == 0, ran.stderr
    (_, comment) = github.comments
    lines = str(comment["body"]).splitlines()
    assert lines[:2] == ["<!-- neurova plan of test -->", "### Plan for `test`"]
    assert "| ⚠️ | `cart.cart` | `GET HEAD /cart/{id}` | `nobody` | `public` |" in lines
    assert [each[:9] for each in lines if each.startswith("**")] == ["**Access ", "**Resourc"]
    assert (pipeline.folder / "output").read_text() == "changes=true\n" * 2
    assert (pipeline.folder / "summary").read_text().count("### Plan for `test`") == 2


@pytest.mark.server
def test_failed_plan_fails_the_job(pipeline: Shop) -> None:
    (pipeline.folder / "kubeconfig").unlink()
    assert run(pipeline, "plan", GITHUB_OUTPUT="output").returncode not in (0, 2)
    assert not (pipeline.folder / "output").exists()


@pytest.mark.server
def test_what_was_scanned_is_pushed_once(pipeline: Shop) -> None:
    pipeline.set("registry.example/shop-", "1.dkr.ecr.eu-west-1.amazonaws.com/shop-")
    images = pipeline("render", "test", "--images", "--json").document
    absent = {"REFUSED": f"docker manifest inspect {images['cart']}", "GRYPE": "grype"}
    for step in ("build", "scan", "push"):
        ran = run(pipeline, "images", step, **absent)
        assert ran.returncode == 0, ran.stderr
    said = (pipeline.folder / "programs.log").read_text().splitlines()
    found = [each for each in said if "cart" in each]
    assert found == [
        "docker build --build-arg SERVICE=cart --tag built/cart .",
        "docker save --output build/cart.tar built/cart",
        "grype docker:built/cart --only-fixed --fail-on high",
        f"docker manifest inspect {images['cart']}",
        "docker load --input build/cart.tar",
        f"docker tag built/cart {images['cart']}",
        f"docker push {images['cart']}",
    ]
    assert f"docker push {images['greet']}" not in said  # already in the registry
    login = "docker login 1.dkr.ecr.eu-west-1.amazonaws.com --username AWS --password-stdin"
    assert login in said
    assert run(pipeline, "images", "scan", REFUSED="grype*", GRYPE="grype").returncode == 1


def test_every_script_of_the_workflows_is_written() -> None:
    files = plan_project("shop")
    for path in (".github/workflows/neurova.yml", ".github/workflows/neurova-deploy.yml"):
        for job in yaml.safe_load(files[path])["jobs"].values():
            for step in job.get("steps", ()):
                words = step.get("run", "").split()
                assert {each for each in words if each.startswith(".ci/")} <= set(files)


@pytest.mark.parametrize(
    ("plan", "part"),
    [
        (Plan(), "### Plan for `prod`\n\nNothing to change\n"),
        (
            Plan((AccessChange("a.b", "GET /a|b`<script>\n@you", "x", "public"),)),
            "| ⚠️ | `a.b` | `GET /a\\|b'<script> @you` | `x` | `public` |\n",
        ),
        (Plan((AccessChange("a.b", "GET /", "x", ""),)), "| | `a.b` | `GET /` | `x` | `nobody` |"),
        (
            Plan(changes=(Change("update", "Job/a", (Difference("f", "```", "\n# b"),)),)),
            "```diff\n~ Job/a\n    f: ''' -> \n# b\n```\n",
        ),
    ],
    ids=["nothing", "Markdown in a route", "removed", "Markdown in a value"],
)
def test_plan_as_markdown(plan: Plan, part: str) -> None:
    assert part in write_markdown(plan, "prod")


def test_long_plan_fits_into_a_comment() -> None:
    access = tuple(AccessChange(f"a.f{n}", f"GET /{n}", "", "public") for n in range(100))
    changes = tuple(Change("create", f"Deployment/shop-{n:05}") for n in range(10_000))
    text = write_markdown(Plan(access, changes), "prod")
    assert 50_000 < len(text) < 65_536
    assert "`a.f99`" in text
    assert text.count("```") == 2
    assert text.rstrip().endswith("more lines are left out")
