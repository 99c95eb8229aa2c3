"""A page on Cloudflare: a Worker with static assets, replaced as a whole."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from neurova.errors import ConfigError
from neurova.settings.deploy import Deploy

from ..plan import Change, differences
from ..targets.base import DeployError
from .base import Entry, Front, Present, Release, Report, SitePlan, entry_of, url_path
from .cloudflare_api import CloudflareApi, Part
from .routes import to_expression
from .site import IMMUTABLE, REVALIDATED

_DATE = "2025-09-01"  # pins the behaviour of the Workers runtime
_SCRIPT, _SITE, _RELEASES = "worker.js", "site.json", "releases.json"
_PURGED = 30  # the maximum number of URLs in one purge request


class Cloudflare:
    """Publish a page on Cloudflare; a `Cdn`. `name` is the name of the Worker.

    The deployed state is stored in two modules of the Worker: its configuration, and the releases.
    """

    def __init__(self, deploy: Deploy, name: str, environ: Mapping[str, str] = os.environ) -> None:
        self._deploy, self._name = deploy, name
        self._api = CloudflareApi(deploy.cdn_account, environ)
        self._path = f"workers/scripts/{name}"

    def check(self) -> str:
        """Return one line about the account. Raises NeurovaError without a permitted token."""
        found = self._api.send("GET", "workers/scripts")
        has_worker = self._name in {each["id"] for each in found or ()}
        return f"Cloudflare responds, {'the page' if has_worker else 'nothing'} is published"

    def read(self, front: Front) -> Present:
        """Return the current state. Raises ConfigError if the Worker or the domain is not ours."""
        modules, domain = self._modules(), self._find_domain()
        if modules is None:
            return Present(changes=(Change("create", f"Worker/{self._name}"),))
        releases = msgspec.json.decode(modules[_RELEASES], type=tuple[Release, ...])
        entries = {path: entry for each in releases for path, entry in each.hashed.items()}
        files = {path: each.hash for path, each in {**entries, **releases[0].entries}.items()}
        changes = tuple(self._changes(front, modules, domain))
        return Present(files, releases, changes)

    def apply(self, plan: SitePlan, report: Report) -> str:
        """Upload missing files, replace the Worker, and purge stale URLs. See `Cdn.apply`."""
        token = self._upload(plan, report)
        report(f"Worker/{self._name}")
        self._api.send("PUT", self._path, self._script(plan, token))
        host = self._deploy.cdn_domain
        if not host:
            self._api.send("POST", f"{self._path}/subdomain", {"enabled": True})
            found = self._api.send("GET", "workers/subdomain") or {"subdomain": "?"}
            return f"https://{self._name}.{found['subdomain']}.workers.dev"
        domain = self._find_domain()
        if domain is None:
            report(f"Domain/{host}")
            wanted = {"hostname": host, "service": self._name}
            domain = self._api.send("PUT", "workers/domains", wanted)
        urls = [f"https://{host}{path}" for path in plan.stale]
        for start in range(0, len(urls), _PURGED):
            report(f"purge {' '.join(plan.stale)}")
            body = {"files": urls[start : start + _PURGED]}
            self._api.send("POST", f"/zones/{domain['zone_id']}/purge_cache", body)
        return f"https://{host}"

    def destroy(self, report: Report) -> None:
        """Delete the domain and the Worker with its files."""
        if (domain := self._find_domain()) is not None:
            report(f"delete Domain/{domain['hostname']}")
            self._api.send("DELETE", f"workers/domains/{domain['id']}")
        if self._modules() is not None:
            report(f"delete Worker/{self._name}")
            self._api.send("DELETE", f"{self._path}?force=true")

    def _modules(self) -> dict[str, bytes] | None:
        """Return the modules of the Worker; None if there is no Worker."""
        found = self._api.send("GET", f"{self._path}/content/v2")
        if found is None:
            return None
        if not isinstance(found, dict) or _RELEASES not in found or _SITE not in found:
            raise ConfigError(
                f"the Worker {self._name} was not published by neurova",
                where="cdn",
                fix="delete or rename it, or change [project] name",
            )
        return found

    def _find_domain(self) -> Any:
        """Return the domain, None if no Worker uses it. Raises ConfigError if it is not ours."""
        host = self._deploy.cdn_domain
        found = self._api.send("GET", f"workers/domains?hostname={host}") if host else ()
        for each in found or ():
            if each["hostname"] == host and each["service"] != self._name:
                raise ConfigError(
                    f"{host} belongs to the Worker {each['service']}",
                    where="cdn_domain",
                    fix="remove it there, or use another one",
                )
        return next((each for each in found or () if each["hostname"] == host), None)

    def _changes(self, front: Front, modules: Mapping[str, bytes], domain: Any) -> Iterator[Change]:
        fields = [*differences(msgspec.json.decode(modules[_SITE]), self._site(front))]
        if modules.get(_SCRIPT) != _worker():
            fields += differences({}, {_SCRIPT: "ours"})
        if fields:
            yield Change("update", f"Worker/{self._name}", tuple(fields))
        if self._deploy.cdn_domain and domain is None:
            yield Change("create", f"Domain/{self._deploy.cdn_domain}")

    def _site(self, front: Front) -> dict[str, Any]:
        return {
            "origin": self._deploy.cdn_origin,
            "routes": [[to_expression(each.pattern), each.is_cached] for each in front.routes],
            "headers": dict(front.headers),
        }

    def _upload(self, plan: SitePlan, report: Report) -> str:
        """Upload the contents that Cloudflare lacks; return the token that completes the upload."""
        contents = {entry_of(each).hash: each for each in plan.contents}
        entries = dict(plan.files)
        while True:
            manifest = {f"/{path}": msgspec.to_builtins(each) for path, each in entries.items()}
            session = self._api.send(
                "POST", f"{self._path}/assets-upload-session", {"manifest": manifest}
            )
            wanted = {each for bucket in session["buckets"] for each in bucket}
            if wanted <= set(contents):
                break
            # Cloudflare has lost files that we cannot upload, because they are of earlier releases.
            entries = _without(entries, wanted - set(contents), plan.releases[0], report)
        token = str(session["jwt"])
        for bucket in session["buckets"]:
            parts = []
            for each in bucket:
                report(f"upload {contents[each].path}")
                content = base64.b64encode(contents[each].content)
                parts.append(Part(each, content, contents[each].content_type))
            answer = self._api.send(
                "POST", "workers/assets/upload?base64=true", parts, token=session["jwt"]
            )
            token = (answer or {}).get("jwt") or token
        return token

    def _script(self, plan: SitePlan, token: str) -> list[Part]:
        metadata = {
            "main_module": _SCRIPT,
            "compatibility_date": _DATE,
            "assets": {"jwt": token, "config": {"_headers": header_rules(plan)}},
        }
        text = "text/plain"
        return [
            Part("metadata", msgspec.json.encode(metadata), "application/json", is_file=False),
            Part(_SCRIPT, _worker(), "application/javascript+module"),
            Part(_SITE, msgspec.json.encode(self._site(plan.front)), text),
            Part(_RELEASES, msgspec.json.encode(plan.releases), text),
        ]


def header_rules(plan: SitePlan) -> str:
    """Return the rules of Cloudflare's `_headers`: one per file type, as only 100 are allowed."""
    rules = {"/*": [*(f"{name}: {value}" for name, value in sorted(plan.front.headers.items()))]}
    rules["/*"].append(f"cache-control: {REVALIDATED}")
    pages = {each.path for each in plan.releases[0].pages}
    for kind in sorted({path.rpartition(".")[2] for path in plan.files if path not in pages}):
        rules[f"/*.{kind}"] = ["! cache-control", f"cache-control: {IMMUTABLE}"]
    for page in sorted(pages):
        if f"/*.{page.rpartition('.')[2]}" in rules:
            rules[url_path(page)] = ["! cache-control", f"cache-control: {REVALIDATED}"]
    return "\n".join("\n  ".join([path, *lines]) for path, lines in rules.items()) + "\n"


def _without(
    entries: Mapping[str, Entry], lost: set[str], release: Release, report: Report
) -> dict[str, Entry]:
    """Return the entries without lost files. Raises DeployError if `release` needs a lost file."""
    rest = {path: each for path, each in entries.items() if each.hash not in lost}
    for path in sorted(set(entries) - set(rest)):
        if path in release.entries:
            what, fix = f"{path} is no longer stored", "deploy its commit instead"
            raise DeployError(what, where="Cloudflare", fix=fix)
        report(f"  {path} of an earlier release is gone")
    return rest


def _worker() -> bytes:
    return (Path(__file__).parent / "cloudflare_worker.js").read_bytes()
