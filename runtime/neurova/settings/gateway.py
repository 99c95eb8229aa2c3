"""What an operator may say about the gateway: `[gateway]` and `[gateway.cors]` of neurova.toml."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from ..database.postgres.url import fault as postgres_fault
from ..database.postgres.url import is_postgres
from ..functions import rate_limits as windows

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Size = Annotated[int, msgspec.Meta(ge=1, le=1 << 40, extra={"unit": "bytes"})]
FilePath = Annotated[str, msgspec.Meta(extra={"unit": "path"})]


class Cors(msgspec.Struct, frozen=True):
    """Say which pages of other origins may call; no origins: none, and no CORS fields are sent."""

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("GET", "POST", "PUT", "PATCH", "DELETE")
    headers: tuple[str, ...] = (
        "content-type",
        "x-api-key",
        "authorization",
        "idempotency-key",
        "traceparent",
    )
    credentials: bool = False
    max_age: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 600


class Gateway(msgspec.Struct, frozen=True):
    """Say where the gateway listens and what it bears; sizes in bytes, times in seconds.

    `plugins` "": the packaged ones. `extra`: plugins of that folder which every route has beside
    ours, by Kong's names. `keys` "": in the state folder, else a PostgreSQL URL.
    `behind` "kong": take only calls that Kong's plugin signed. `hosts` (): any Host is answered.
    `limit`: what every consumer has over all routes, "" for none. `compress`: large replies, for
    callers who take that.
    Paths are absolute once the settings are loaded.
    """

    host: str = "127.0.0.1"
    port: Port = 8000
    max_body: Size = 1 << 20
    head_timeout: Seconds = 5.0
    body_timeout: Seconds = 30.0
    keep_alive: Seconds = 75.0
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    trusted_proxies: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    plugins: FilePath = ""
    extra: tuple[str, ...] = ()
    keys: str = ""
    phase_deadline: Seconds = 2.0
    limit: str = ""
    compress: bool = True
    behind: Literal["", "kong"] = ""
    tls_cert: FilePath = ""
    tls_key: FilePath = ""
    cors: Cors = Cors()


class Admin(msgspec.Struct, frozen=True):
    """Say whether and where the Admin API listens; `hosts` are names it answers beside loopback's.

    Beyond loopback it only listens when `hosts` says by which names it may be called.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Port = 8001
    hosts: tuple[str, ...] = ()


def admin_faults(admin: Admin) -> Iterator[tuple[str, str]]:
    """Yield key below `admin.` and what is wrong, for what types alone cannot tell."""
    yield from _host_faults(admin.hosts)
    if admin.enabled and not admin.hosts and not is_loopback(admin.host):
        yield (
            "host",
            f"{admin.host!r} is not loopback, so others could reach what makes keys: name in "
            "admin.hosts the hosts it may be called by, or go back to 127.0.0.1",
        )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can call an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def faults(gateway: Gateway) -> Iterator[tuple[str, str]]:
    """Yield key below `gateway.` and what is wrong, for what types alone cannot tell."""
    for network in gateway.trusted_proxies:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            yield "trusted_proxies", f'{network!r} is no network: write "10.0.0.0/8" or an address'
    if gateway.limit:
        try:
            windows.parse(gateway.limit)
        except ValueError as error:
            yield "limit", str(error)
    if gateway.keys and not is_postgres(gateway.keys):
        yield "keys", "is no PostgreSQL URL: write postgresql://user@host/name, or leave it out"
    elif gateway.keys and postgres_fault(gateway.keys):
        yield "keys", postgres_fault(gateway.keys)
    yield from _host_faults(gateway.hosts)
    if bool(gateway.tls_cert) != bool(gateway.tls_key):
        missing = "tls_key" if gateway.tls_cert else "tls_cert"
        yield missing, "is missing: TLS needs both tls_cert and tls_key"
    yield from _cors_faults(gateway.cors)


def _host_faults(hosts: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for host in hosts:
        if not host or host != host.strip().lower() or "/" in host:
            yield "hosts", f'{host!r} is no host name: write it in lower case, like "example.org"'


def _cors_faults(cors: Cors) -> Iterator[tuple[str, str]]:
    for origin in cors.origins:
        scheme, separator, rest = origin.partition("://")
        if origin != "*" and (not separator or not scheme or not rest or "/" in rest):
            yield "cors.origins", f'{origin!r} is no origin: write "https://example.org", no path'
    if cors.credentials and "*" in cors.origins:
        yield "cors.credentials", 'cannot be true with origins = ["*"]: name the origins'
