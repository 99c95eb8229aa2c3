"""The sections `[gateway]`, `[gateway.cors]` and `[admin]` of neurova.toml."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from ..database.postgres.url import find_url_error, is_postgres
from ..functions.rate_limits import parse_limit
from .kong import Kong, find_kong_faults
from .section import Section
from .units import Credential, FilePath, Port, Seconds, Size


class Cors(Section, frozen=True):
    """The origins whose pages may call; without origins, no CORS headers are sent."""

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


class Gateway(Section, frozen=True):
    """Configure the gateway; sizes in bytes, times in seconds.

    `plugins`: the plugin folder, empty for the packaged one. `extra`: names of further plugins in
    it to run on every route. `keys`: the PostgreSQL URL of the key store, empty for a file in the
    state folder. `limits`: the URL of Redis, which counts for several machines, empty for a file in
    the state folder. `behind` "kong": accept only calls signed by Kong's plugin; `identity`: the
    secret that holds the signing keys, empty for a file in the state folder. `hosts`: the accepted
    Host values, empty for any. `limit`: the limit of each consumer over all routes.
    `time_zone`: the IANA zone of calendar limits.
    `body_memory`: the bound of all request bodies that a worker holds, at least `max_body`.
    """

    host: str = "127.0.0.1"
    port: Port = 8000
    max_body: Size = 1 << 20
    body_memory: Size = 128 << 20
    head_timeout: Seconds = 5.0
    body_timeout: Seconds = 30.0
    keep_alive: Seconds = 75.0
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10_000
    trusted_proxies: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    plugins: FilePath = ""
    extra: tuple[str, ...] = ()
    keys: str = ""
    limits: str = ""
    phase_deadline: Seconds = 2.0
    limit: str = ""
    time_zone: str = "UTC"
    compress: bool = True
    behind: Literal["", "kong"] = ""
    identity: str = ""
    tls_cert: FilePath = ""
    tls_key: FilePath = ""
    cors: Cors = Cors()
    kong: Kong = Kong()


class Admin(Section, frozen=True):
    """Configure the Admin API; it accepts `hosts` as Host values in addition to loopback names.

    `token`: what clients send, empty for a file in the state folder.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Port = 8001
    hosts: tuple[str, ...] = ()
    token: Credential = ""


def find_gateway_faults(gateway: Gateway) -> Iterator[tuple[str, str]]:
    """Yield each key in `[gateway]` with an invalid value, and what is wrong."""
    for network in gateway.trusted_proxies:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            yield "trusted_proxies", f'{network!r} is not a network, write one like "10.0.0.0/8"'
    if gateway.limit:
        try:
            parse_limit(gateway.limit)
        except ValueError as error:
            yield "limit", str(error)
    try:
        ZoneInfo(gateway.time_zone)
    except (ValueError, OSError):
        yield (
            "time_zone",
            f'{gateway.time_zone!r} is unknown, write one like "Europe/Istanbul"',
        )
    if gateway.keys and not is_postgres(gateway.keys):
        yield "keys", "is not a PostgreSQL URL, write postgresql://user@host/name or remove it"
    elif gateway.keys and find_url_error(gateway.keys):
        yield "keys", find_url_error(gateway.keys)
    yield from _find_host_faults(gateway.hosts)
    if bool(gateway.tls_cert) != bool(gateway.tls_key):
        missing = "tls_key" if gateway.tls_cert else "tls_cert"
        yield missing, "is missing, TLS needs both tls_cert and tls_key"
    yield from _find_cors_faults(gateway.cors)
    yield from find_kong_faults(gateway.kong)


def find_admin_faults(admin: Admin) -> Iterator[tuple[str, str]]:
    """Yield each key in `[admin]` with an invalid value, and what is wrong."""
    yield from _find_host_faults(admin.hosts)
    if admin.enabled and not admin.hosts and not is_loopback(admin.host):
        yield (
            "host",
            f"{admin.host!r} is not a loopback address, so other machines could reach the Admin "
            "API: list the accepted host names in admin.hosts, or use 127.0.0.1",
        )


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _find_host_faults(hosts: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for host in hosts:
        if not host or host != host.strip().lower() or "/" in host:
            yield "hosts", f'{host!r} is not a lower-case host name, write one like "example.org"'


def _find_cors_faults(cors: Cors) -> Iterator[tuple[str, str]]:
    for origin in cors.origins:
        scheme, separator, rest = origin.partition("://")
        if origin != "*" and (not separator or not scheme or not rest or "/" in rest):
            yield (
                "cors.origins",
                f'{origin!r} is not an origin, write one like "https://example.org"',
            )
    if cors.credentials and "*" in cors.origins:
        yield "cors.credentials", 'cannot be true with origins = ["*"], list the origins'
