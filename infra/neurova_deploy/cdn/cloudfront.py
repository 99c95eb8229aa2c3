"""A page on CloudFront: a private bucket, and a distribution that reads it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from neurova.errors import ConfigError
from neurova.settings.deploy import Deploy

from ..plan import Change, differences
from ..resource import content_hash
from ..targets.base import DeployError
from .base import Front, Present, Report, SitePlan, entry_of
from .bucket import Bucket, State
from .cloudfront_config import (
    access_control,
    bucket_policy,
    cache_policy,
    distribution,
    headers_policy,
)

_CALLS = {
    "OriginAccessControl": "origin_access_control",
    "ResponseHeadersPolicy": "response_headers_policy",
    "CachePolicy": "cache_policy",
    "Distribution": "distribution",
}
"""The API name of each kind of resource; a kind may refer only to kinds before it."""
_PLURALS = {"ResponseHeadersPolicy": "response_headers_policies", "CachePolicy": "cache_policies"}


class Found(NamedTuple):
    """A resource of CloudFront; `shown` is the resource as the API returned it."""

    id: str
    tag: str
    config: dict[str, Any]
    shown: dict[str, Any]


class CloudFront:
    """Publish a page on CloudFront; a `Cdn`. `name` is the name of all resources."""

    def __init__(self, deploy: Deploy, name: str) -> None:
        self._deploy, self._name = deploy, name
        session = _session()
        with _translated():
            self._api = session.client("cloudfront")
            bucket = deploy.cdn_bucket
            if not bucket:
                account = session.client("sts").get_caller_identity()["Account"]
                bucket = f"{name}-{account}"
            self._bucket = Bucket(session.client("s3"), bucket, name)

    def check(self) -> str:
        """Return one line about the account. Raises NeurovaError without permitted credentials."""
        with _translated():
            has_bucket = self._bucket.exists()
            found = self._find("Distribution") if has_bucket else None
        if found is None:
            return "CloudFront responds, nothing is published"
        return f"https://{self._domain(found)}: {found.shown['Status']}"

    def read(self, front: Front) -> Present:
        """Return the current state. Raises ConfigError if the bucket is not ours."""
        with _translated():
            has_bucket = self._bucket.exists()
            state, _ = self._bucket.read_state() if has_bucket else (State(), "")
            listed = self._bucket.files() if has_bucket else {}
            changes = [*self._bucket_changes(has_bucket), *self._changes(front, state)]
        files = {}
        for path, tag in listed.items():
            known, file_hash = state.files.get(path, ("", ""))
            files[path] = file_hash if tag == known else ""
        return Present(files, state.releases, tuple(changes))

    def apply(self, plan: SitePlan, report: Report) -> str:
        """Configure, upload, invalidate, store the state, delete old files. See `Cdn.apply`."""
        with _translated():
            sets_bucket = any(each.key == self._bucket.key for each in plan.changes)
            if sets_bucket:
                report(self._bucket.key)
                self._bucket.create()
            state, tag = self._bucket.read_state()
            applied = dict(state.applied)
            found = self._configure(plan.front, applied, report)
            if sets_bucket:
                self._bucket.allow(bucket_policy(self._bucket.name, found.shown["ARN"]))
            files = {path: each for path, each in state.files.items() if path in plan.files}
            for file in plan.uploads:
                report(f"upload {file.path}")
                files[file.path] = (self._bucket.upload(file), entry_of(file).hash)
            self._invalidate(found.id, plan.stale, report)
            self._bucket.write_state(State(plan.releases, files, applied), tag)
            self._bucket.delete(plan.deletes)
            return f"https://{self._domain(found)}"

    def destroy(self, report: Report) -> None:
        """Disable the distribution, wait until all edges have stopped, and delete all resources."""
        with _translated():
            has_bucket = self._bucket.exists()
            found = self._find("Distribution")
            if found is not None:
                report(f"stopping {found.id}, which takes some minutes")
                if found.config["Enabled"]:
                    self._update("Distribution", found, {**found.config, "Enabled": False})
                self._api.get_waiter("distribution_deployed").wait(Id=found.id)
            for kind in reversed(_CALLS):
                if (found := self._find(kind)) is not None:
                    report(f"delete {kind}/{self._name}")
                    self._call("delete", kind)(Id=found.id, IfMatch=found.tag)
            if has_bucket:
                report(f"delete {self._bucket.key}")
                self._bucket.remove()

    def _configure(self, front: Front, applied: dict[str, Any], report: Report) -> Found:
        """Create or update each resource; return the distribution."""
        ids: dict[str, str] = {}
        every: dict[str, Found] = {}
        for kind in _CALLS:
            wanted, found = self._wanted(kind, front, ids), self._find(kind)
            if found is None or self._change(kind, wanted, found, applied.get(kind)):
                report(f"{kind}/{self._name}")
                found = self._update(kind, found, wanted) if found else self._create(kind, wanted)
                applied[kind] = (content_hash(wanted), found.config)
            every[kind], ids[kind] = found, found.id
        return every["Distribution"]

    def _changes(self, front: Front, state: State) -> Iterator[Change]:
        ids: dict[str, str] = {}
        for kind in _CALLS:
            found = self._find(kind)
            wanted = self._wanted(kind, front, ids)
            if change := self._change(kind, wanted, found, state.applied.get(kind)):
                yield change
            ids[kind] = found.id if found else ""

    def _bucket_changes(self, exists: bool) -> Iterator[Change]:
        if not exists:
            yield Change("create", self._bucket.key)
            return
        found = self._find("Distribution")
        policy = bucket_policy(self._bucket.name, found.shown["ARN"] if found else "")
        wanted = self._bucket.wanted_access(policy)
        if fields := tuple(differences(self._bucket.access(), wanted)):
            yield Change("update", self._bucket.key, fields)

    def _change(
        self, kind: str, wanted: dict[str, Any], found: Found | None, applied: Any
    ) -> Change | None:
        """Return the change that a resource needs; None if it is as wanted, unchanged by others."""
        key = f"{kind}/{self._name}"
        if found is None:
            return Change("create", key)
        if applied is None or applied[0] != content_hash(wanted):
            return Change("update", key, tuple(differences(found.config, wanted)))
        # CloudFront may normalise values, so compare with the configuration that it returned when
        # we applied the resource.
        ours = {field: applied[1].get(field) for field in wanted}
        fields = tuple(differences(found.config, ours))
        return Change("update", key, fields) if fields else None

    def _wanted(self, kind: str, front: Front, ids: Mapping[str, str]) -> dict[str, Any]:
        if kind == "OriginAccessControl":
            return access_control(self._name)
        if kind == "ResponseHeadersPolicy":
            return headers_policy(self._name, front.headers)
        if kind == "CachePolicy":
            return cache_policy(self._name)
        return distribution(self._name, self._deploy, self._bucket.domain, front.routes, ids)

    def _find(self, kind: str) -> Found | None:
        """Return the resource with our name."""
        listing = getattr(self._api, f"list_{_PLURALS.get(kind, f'{_CALLS[kind]}s')}")
        more = {"Type": "custom"} if kind in _PLURALS else {}
        while True:
            page = listing(**more)[f"{kind}List"]
            for item in page.get("Items", ()):
                inner = item.get(kind, item)
                config = inner.get(f"{kind}Config", inner)
                if config.get("Name", config.get("Comment")) == self._name:
                    return _found(kind, self._call("get", kind)(Id=inner["Id"]))
            if not page.get("NextMarker"):
                return None
            more["Marker"] = page["NextMarker"]

    def _create(self, kind: str, wanted: dict[str, Any]) -> Found:
        reference = {"CallerReference": str(uuid.uuid4())} if kind == "Distribution" else {}
        call = self._call("create", kind)
        return _found(kind, call(**{f"{kind}Config": {**reference, **wanted}}))

    def _update(self, kind: str, found: Found, wanted: dict[str, Any]) -> Found:
        """Replace the fields that we set; keep all others, such as a web ACL."""
        config = {**found.config, **wanted}
        call = partial(self._call("update", kind), Id=found.id, IfMatch=found.tag)
        return _found(kind, call(**{f"{kind}Config": config}))

    def _call(self, verb: str, kind: str) -> Any:
        return getattr(self._api, f"{verb}_{_CALLS[kind]}")

    def _invalidate(self, identity: str, urls: tuple[str, ...], report: Report) -> None:
        if not urls:
            return
        # CloudFront caches the page at "/" under the name of its default root object.
        paths = ["/index.html" if url == "/" else url for url in urls]
        report(f"invalidate {' '.join(paths)}")
        batch = {
            "Paths": {"Quantity": len(paths), "Items": paths},
            "CallerReference": str(uuid.uuid4()),
        }
        self._api.create_invalidation(DistributionId=identity, InvalidationBatch=batch)

    def _domain(self, found: Found) -> str:
        return self._deploy.cdn_domain or str(found.shown["DomainName"])


def _found(kind: str, answer: dict[str, Any]) -> Found:
    shown = answer[kind]
    return Found(shown["Id"], answer["ETag"], shown[f"{kind}Config"], shown)


def _session() -> Any:
    try:
        import boto3
    except ImportError:
        raise ConfigError(
            "the AWS client is not installed",
            where="cdn",
            fix='pip install "neurova-platform[aws]"',
        ) from None
    # boto3 itself reads only AWS_DEFAULT_REGION and the profile.
    return boto3.Session(region_name=os.environ.get("AWS_REGION") or None)


@contextmanager
def _translated() -> Iterator[None]:
    """Translate the errors of AWS, and add a fix for the operator."""
    from botocore import exceptions

    try:
        yield
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
        fix = "log in, e.g. with `aws sso login`, or set AWS_PROFILE"
        raise DeployError(str(error), where="AWS", fix=fix) from None
    except exceptions.NoRegionError as error:
        raise DeployError(str(error), where="AWS", fix="set AWS_REGION") from None
    except exceptions.ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        where = f"AWS {error.operation_name}"
        raise DeployError(f"{code}: {message}", where=where, fix=_fix_of(code)) from None
    except exceptions.BotoCoreError as error:
        raise DeployError(str(error), where="AWS", fix="correct it and deploy again") from None


def _fix_of(code: str) -> str:
    if code in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"):
        return "allow it in the IAM policy of these credentials, see docs/cdn.md"
    if "Token" in code or code in ("InvalidClientTokenId", "SignatureDoesNotMatch"):
        return "log in again: these credentials are not valid or have expired"
    if code in ("PreconditionFailed", "InvalidIfMatchVersion"):
        return "somebody changed it at the same time: deploy again"
    if code == "TooManyCacheBehaviors":
        return "begin the paths of functions with fewer different segments, or raise the quota"
    if code in ("InvalidViewerCertificate", "CNAMEAlreadyExists"):
        return "correct cdn_domain and cdn_certificate; the certificate must be in us-east-1"
    return "correct it and deploy again"
