"""A page, and the CDNs that publish it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from tests.servers.moto import ENVIRONMENT

from neurova.settings.deploy import Deploy
from neurova_deploy.cdn.base import Front, SitePlan, plan_release, release_of, url_path
from neurova_deploy.cdn.routes import ApiRoute
from neurova_deploy.cdn.site import build_site
from neurova_deploy.cdn.table import open_cdn

from .aws import Aws, forget_all, serve_wsgi
from .cloudflare_api import TOKEN, CloudflareDouble

PAGE = {
    "index.html": '<link rel="stylesheet" href="css/page.css"><script src="js/app.js"></script>',
    "about/index.html": '<script src="../js/app.js"></script>',
    "css/page.css": "p{margin:0}",
    "js/app.js": "let version = 1",
    "robots.txt": "User-agent: *",
}
ROUTES = (ApiRoute("/rooms/*", is_cached=True), ApiRoute("/rooms"), ApiRoute("/bookings"))
NAME = "neurova-shop-test"


class Edge:
    """One page on one CDN."""

    def __init__(self, folder: Path, deploy: Deploy, api: Any) -> None:
        self.folder, self.deploy, self.api = folder, deploy, api
        self.number = 0
        self.cdn = open_cdn("shop", "test", deploy)
        for path, text in PAGE.items():
            self.write(path, text)

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def plan(self, routes: tuple[ApiRoute, ...] = ROUTES) -> SitePlan:
        site, self.number = build_site(self.folder, {}), self.number + 1
        front = Front(routes, site.headers)
        release = msgspec.structs.replace(release_of(site), number=self.number)
        return plan_release(release, site.files, front, self.cdn.read(front))

    def publish(self, routes: tuple[ApiRoute, ...] = ROUTES) -> SitePlan:
        plan = self.plan(routes)
        self.url = self.cdn.apply(plan, lambda line: None)
        return plan

    def served(self) -> dict[str, bytes]:
        """Return the files that clients get, by URL path."""
        raise NotImplementedError

    def invalidated(self) -> list[str]:
        """Return the invalidated URL paths."""
        raise NotImplementedError

    def is_empty(self) -> bool:
        """Return whether the CDN has no resources left."""
        raise NotImplementedError


class CloudFrontEdge(Edge):
    """A page on CloudFront."""

    def __init__(self, folder: Path, deploy: Deploy, api: Any) -> None:
        super().__init__(folder, deploy, api)
        session = boto3.Session()
        self.s3, self.cloudfront = session.client("s3"), session.client("cloudfront")

    def served(self) -> dict[str, bytes]:
        bucket = f"{NAME}-123456789012"
        listed = self.s3.list_objects_v2(Bucket=bucket, Prefix="site/").get("Contents", ())
        found = {
            each["Key"].removeprefix("site"): self.s3.get_object(Bucket=bucket, Key=each["Key"])
            for each in listed
        }
        return {
            "/" if key == "/index.html" else key: each["Body"].read() for key, each in found.items()
        }

    def invalidated(self) -> list[str]:
        api = self.cloudfront
        identity = api.list_distributions()["DistributionList"]["Items"][0]["Id"]
        listed = api.list_invalidations(DistributionId=identity)["InvalidationList"]
        found = []
        for each in listed.get("Items", ()):
            batch = api.get_invalidation(DistributionId=identity, Id=each["Id"])["Invalidation"]
            found += batch["InvalidationBatch"]["Paths"]["Items"]
        return ["/" if path == "/index.html" else path for path in found]

    def is_empty(self) -> bool:
        api = self.cloudfront
        controls = api.list_origin_access_controls()["OriginAccessControlList"].get("Items", [])
        distributions = api.list_distributions()["DistributionList"].get("Items", [])
        buckets = self.s3.list_buckets()["Buckets"]
        return not (controls or distributions or buckets or any(self.api.policies.values()))


class CloudflareEdge(Edge):
    """A page on Cloudflare."""

    def served(self) -> dict[str, bytes]:
        script = self.api.scripts.get(NAME)
        files = script.files if script else {}
        return {url_path(path[1:]): self.api.assets[each] for path, each in files.items()}

    def invalidated(self) -> list[str]:
        return [each.removeprefix("https://www.example.org") for each in self.api.purged]

    def is_empty(self) -> bool:
        return not self.api.scripts and not self.api.domains


@pytest.fixture
def cloudfront(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFrontEdge]:
    aws = Aws()
    with serve_wsgi(aws) as url:
        more = {"AWS_ENDPOINT_URL": url, "AWS_MAX_ATTEMPTS": "1"}
        for name, value in {**ENVIRONMENT, **more}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        deploy = Deploy(cdn="cloudfront", cdn_origin="https://api.example.org")
        yield CloudFrontEdge(tmp_path / "web", deploy, aws)
        forget_all(url)


@pytest.fixture
def cloudflare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudflareEdge]:
    double = CloudflareDouble()
    with serve_wsgi(double) as url:
        monkeypatch.setenv("CLOUDFLARE_API_BASE_URL", url)
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
        deploy = Deploy(
            cdn="cloudflare",
            cdn_origin="https://api.example.org",
            cdn_domain="www.example.org",
            cdn_account="a1",
        )
        yield CloudflareEdge(tmp_path / "web", deploy, double)


@pytest.fixture(params=["cloudfront", "cloudflare"])
def edge(request: pytest.FixtureRequest) -> Edge:
    found: Edge = request.getfixturevalue(request.param)
    return found
