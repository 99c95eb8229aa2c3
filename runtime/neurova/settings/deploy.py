"""The sections `[deploy.<name>]` of neurova.toml: the environments a project is deployed to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import msgspec

from ..server_url import split_server_url
from .section import Section
from .units import FilePath, OptionalSeconds, Port, Seconds, Size

Replicas = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
LOCAL = "local"
"""The environment that needs no section: Compose on this machine."""
COMMANDS = ("apply", "destroy", "history", "promote", "render", "rollback", "site", "status")
"""The names of the commands below `neurova deploy`, which no environment can have."""
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*=.*", re.DOTALL)
_SECRET = re.compile(r"[A-Z][A-Z0-9_]*=[a-z0-9][a-z0-9.-]*#[A-Za-z0-9._-]+")
_HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_CPU = re.compile(r"[1-9][0-9]{0,4}m?")
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_LAMBDA_MEMORY = range(128 << 20, (10_240 << 20) + 1, 1 << 20)
_OF_COMPOSE = ("profile", "port", "platform_image")
_OF_CLUSTERS = (
    *("kubeconfig", "context", "replicas", "replicas_max", "kong_replicas"),
    *("cpu", "service_type", "vault_role"),
)
_OF_LAMBDA = (
    *("region", "account", "state_table", "front", "timeout", "architecture"),
    *("subnets", "security_groups"),
)
_UNUSED = {
    "compose": (*_OF_LAMBDA, *_OF_CLUSTERS, "namespace", "subscriptions_max"),
    "kubernetes": (*_OF_COMPOSE, *_OF_LAMBDA),
    "lambda": (*_OF_COMPOSE, *_OF_CLUSTERS, "kong_image", "drain_delay"),
}
"""The keys that a target does not use; they are refused if they are set."""


class Deploy(Section, frozen=True):
    """Configure one environment of `neurova deploy`.

    Of Compose: `profile`, which servers run; `port`, where Kong listens on loopback;
    `platform_image`, which the image of the functions is built on.

    `kubeconfig`, `context`: how the cluster is reached, empty for what kubectl uses. `namespace`:
    empty for the name of the project. `image`: the image of the functions; in it, `{version}` is a
    hash of the code, and `{service}` gives each service an image and Deployments of its own.
    `kong_image`: the image of infra/kong. `replicas` to `replicas_max` runtimes of each
    Deployment, scaled by CPU; `kong_replicas`; `subscriptions_max`: KEDA scales subscriptions up to
    it, 0: one without KEDA. `cpu`, `memory`: of each runtime. `variables`: "NAME=value" of the
    containers. `secret_variables`: "NAME=secret#key", from Secrets of the cluster. `vault_role`:
    the role of the pods in Vault, by Kubernetes auth. In seconds: `drain_delay`, how long a
    stopping runtime still serves; `ready`, how long a rollout may take.

    Of AWS Lambda: `region`, `account`: where it is deployed; `namespace` begins all names.
    `secret_variables` are from Secrets Manager. `state_table`: the DynamoDB table of releases and
    locks. `front`: an HTTP API, or a function URL. `timeout`: seconds of an invocation. `subnets`,
    `security_groups`: of a VPC, empty for none. `subscriptions_max`: the invocations for each queue
    at a time, 0: no limit.

    `cdn`: where `neurova deploy site` publishes the page; `cdn_origin`: the base URL of the API,
    which the CDN calls; `cdn_domain`: the page's host name, empty for one of the CDN's.
    `cdn_bucket`, `cdn_certificate`: of CloudFront; `cdn_account`: of Cloudflare.
    """

    target: Literal["compose", "kubernetes", "lambda"] = "kubernetes"
    profile: Literal["core", "full"] = "core"
    port: Port = 8080
    platform_image: str = "neurova-platform"
    kubeconfig: FilePath = ""
    context: str = ""
    namespace: str = ""
    image: str = ""
    kong_image: str = ""
    replicas: Replicas = 2
    replicas_max: Replicas = 10
    kong_replicas: Replicas = 2
    subscriptions_max: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 0
    cpu: str = "250m"
    memory: Size = 512 << 20
    service_type: Literal["ClusterIP", "LoadBalancer", "NodePort"] = "ClusterIP"
    variables: tuple[str, ...] = ()
    secret_variables: tuple[str, ...] = ()
    vault_role: str = ""
    drain_delay: OptionalSeconds = 15.0
    ready: Seconds = 300.0
    region: str = ""
    account: str = ""
    state_table: str = "neurova-deploy"
    front: Literal["api", "url"] = "api"
    timeout: Annotated[int, msgspec.Meta(ge=1, le=900)] = 30
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    cdn: Literal["", "cloudfront", "cloudflare"] = ""
    cdn_origin: str = ""
    cdn_domain: str = ""
    cdn_bucket: str = ""
    cdn_certificate: str = ""
    cdn_account: str = ""

    @property
    def has_images_of_services(self) -> bool:
        """Return whether each service has an image of its own."""
        return "{service}" in self.image


def find_deploy_faults(environments: Mapping[str, Deploy]) -> Iterator[tuple[str, str]]:
    """Yield each key below `[deploy]` with an invalid value, and what is wrong."""
    for name, deploy in environments.items():
        if name in COMMANDS:
            yield f"{name}.target", "is of an environment named like a command: rename it"
        for field in msgspec.structs.fields(deploy):
            is_set = getattr(deploy, field.name) != field.default
            if is_set and field.name in _UNUSED[deploy.target]:
                what = f'has no use with target = "{deploy.target}": remove it'
                yield f"{name}.{field.name}", what
        find_target_faults = _TARGET_FAULTS[deploy.target]
        yield from ((f"{name}.{key}", what) for key, what in find_target_faults(deploy))
        if unknown := set(re.findall(r"\{.*?\}", deploy.image)) - {"{service}", "{version}"}:
            yield f"{name}.image", f"has {unknown.pop()}, it may have {{service}} and {{version}}"
        if deploy.replicas_max < deploy.replicas:
            yield f"{name}.replicas_max", f"must be at least replicas, {deploy.replicas}"
        if not _CPU.fullmatch(deploy.cpu):
            yield f"{name}.cpu", f'{deploy.cpu!r} is no amount of CPU, write one like "250m" or "2"'
        for key, what in find_cdn_faults(deploy):
            yield f"{name}.{key}", what
        for key, form, example in (
            ("variables", _VARIABLE, "NAME=value"),
            ("secret_variables", _SECRET, "PGPASSWORD=postgres#password"),
        ):
            for number, each in enumerate(getattr(deploy, key), 1):
                if not form.fullmatch(each):
                    yield f"{name}.{key}", f'has no name and value in item {number}, "{example}"'


def find_cdn_faults(deploy: Deploy) -> Iterator[tuple[str, str]]:
    """Yield each key of the CDN with an invalid value, and what is wrong."""
    if not deploy.cdn:
        return
    origin = split_server_url(deploy.cdn_origin)
    if origin is None or origin.scheme != "https" or origin.path.strip("/") or origin.query:
        yield "cdn_origin", 'must be the URL of the API, like "https://api.example.org"'
    if deploy.cdn_domain and not _HOST.fullmatch(deploy.cdn_domain):
        yield "cdn_domain", f'{deploy.cdn_domain!r} is no host name, like "www.example.org"'
    is_in_virginia = deploy.cdn_certificate.startswith("arn:aws:acm:us-east-1:")
    if deploy.cdn == "cloudfront" and bool(deploy.cdn_domain) != is_in_virginia:
        yield "cdn_certificate", "is needed with cdn_domain: the ARN of a certificate in us-east-1"


def _find_kubernetes_faults(deploy: Deploy) -> Iterator[tuple[str, str]]:
    for key in ("image", "kong_image"):
        if not getattr(deploy, key):
            text = 'is missing, write one like "registry.example/shop:{version}"'
            yield key, f'{text}; target = "compose" has one'


def _find_compose_faults(deploy: Deploy) -> Iterator[tuple[str, str]]:
    if deploy.has_images_of_services:
        yield "image", "has {service}, but Compose runs all services in one image"
    if deploy.secret_variables:
        yield "secret_variables", "has no use with Compose, which has a Vault: see docs/deploy.md"


def _find_lambda_faults(deploy: Deploy) -> Iterator[tuple[str, str]]:
    if not deploy.image:
        yield "image", "is missing, write that of a repository of ECR, with :{version}"
    if not _ACCOUNT.fullmatch(deploy.account):
        fix = "`aws sts get-caller-identity` shows it"
        yield "account", f"{deploy.account!r} is not an account of 12 digits: {fix}"
    if not _REGION.fullmatch(deploy.region):
        yield "region", f'{deploy.region!r} is not a region, write one like "eu-central-1"'
    if deploy.memory not in _LAMBDA_MEMORY:
        yield "memory", "must be 128 MiB to 10240 MiB, in whole MiB"
    if deploy.subscriptions_max == 1:
        yield "subscriptions_max", "must be 0 (no limit) or at least 2 with AWS Lambda"
    if bool(deploy.subnets) != bool(deploy.security_groups):
        yield "subnets", "and security_groups belong together: set both or none"
    if deploy.front == "url" and deploy.has_images_of_services:
        yield "front", '"url" has one function: remove {service} from image, or use "api"'


_TARGET_FAULTS = {
    "compose": _find_compose_faults,
    "kubernetes": _find_kubernetes_faults,
    "lambda": _find_lambda_faults,
}
