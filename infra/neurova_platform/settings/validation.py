"""Check loaded settings: checks that compare several keys or read the file system."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from neurova.database.postgres.url import PostgresUrl
from neurova.secrets.base import parse_reference
from neurova.settings.deploy import find_deploy_faults
from neurova.settings.gateway import find_admin_faults, find_gateway_faults
from neurova.settings.kong import find_target_faults
from neurova.settings.plans import find_plans_faults
from neurova.settings.schemas import find_schemas_faults
from neurova.settings.secrets import find_secrets_faults
from neurova.settings.settings import Settings

from .. import memory
from ..composition import backends

_CREDENTIALS = re.compile(r"[\w./-]+/(static-)?creds/[\w.-]+", re.ASCII)


def find_faults(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the dotted key and the error of each invalid value."""
    yield from _find_section_faults(settings)
    if settings.gateway.identity:
        try:
            parse_reference(settings.gateway.identity)
        except ValueError as error:
            yield "gateway.identity", str(error)
    for name in ("tls_cert", "tls_key"):
        path = getattr(settings.gateway, name)
        if path and not Path(path).is_file():
            yield f"gateway.{name}", f"is {path}, which is not a file: fix the path"
    plugins = settings.gateway.plugins
    if plugins and not Path(plugins).is_dir():
        yield "gateway.plugins", f"is {plugins}, which is not a folder: fix the path"
    for url in settings.openapi.servers:
        if not url.startswith(("https://", "http://", "/")):
            yield (
                "openapi.servers",
                f'{url!r} is not a base URL, write one like "https://api.example.org"',
            )
    if settings.runtime.memory and not memory.is_measurable():
        yield "runtime.memory", "is only supported on Linux: remove it"
    for port, key, url in (
        ("mail", "mail.url", settings.mail.url),
        ("logs", "logs.url", settings.logs.url),
        ("bus", "bus.url", settings.bus.url),
        ("limits", "gateway.limits", settings.gateway.limits),
        ("models", "models.url", settings.models.url),
        ("warehouse", "warehouse.url", settings.warehouse.url),
        ("traces", "traces.url", settings.traces.url),
    ):
        if url and (what := backends.find_fault(port, url)):
            yield key, what
    yield from _find_unknown_services(settings)
    yield from _find_service_faults(settings)


def _find_section_faults(settings: Settings) -> Iterator[tuple[str, str]]:
    sections = {
        "gateway": find_gateway_faults(settings.gateway),
        "admin": find_admin_faults(settings.admin),
        "schemas": find_schemas_faults(settings.schemas),
        "secrets": find_secrets_faults(settings.secrets),
        "plans": find_plans_faults(settings.plans),
        "deploy": find_deploy_faults(settings.deploy),
    }
    for section, faults in sections.items():
        for key, what in faults:
            yield f"{section}.{key}", what


def _find_unknown_services(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.project.partial or not settings.functions.is_dir():
        return  # loading the functions reports this error
    folders = [each.name for each in settings.functions.iterdir() if each.is_dir()]
    for name in settings.services:
        if name not in folders:
            close = difflib.get_close_matches(name, folders, 1)
            shown = ", ".join(sorted(each for each in folders if each[0] not in "._"))
            hint = f"did you mean {close[0]}?" if close else f"the folders are {shown or 'none'}"
            key = next(each for each in settings.origins if each.startswith(f"services.{name}."))
            yield key, f"names no service: {hint}"


def _find_service_faults(settings: Settings) -> Iterator[tuple[str, str]]:
    owners: dict[Path | PostgresUrl, str] = {}
    for name, service in settings.services.items():
        key = f"services.{name}.database"
        yield from find_target_faults(f"services.{name}.targets", service.targets)
        what = backends.find_fault("database", service.database)
        if what:
            yield key, what
        owner = owners.setdefault(settings.database(name), name)
        if owner != name:
            yield key, f"is also the database of {owner}: give each service its own"
        if what := _find_credentials_fault(settings, name):
            yield f"services.{name}.credentials", what


def _find_credentials_fault(settings: Settings, service: str) -> str:
    path = settings.services[service].credentials
    if not path:
        return ""
    if not _CREDENTIALS.fullmatch(path):
        return "is not the path of a role, write one like database/creds/ROLE"
    if not isinstance(settings.database(service), PostgresUrl):
        return f"needs a database on PostgreSQL: set services.{service}.database"
    return "" if settings.secrets.url else "needs Vault: set secrets.url"
