"""Serve the embedded registry with the REST API of Confluent Schema Registry.

Clients read schemas by id and register new ones. Errors have the same status and `error_code` as
in Confluent's registry. Only Avro is supported.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import StateError, Unavailable
from .base import LEVELS, IncompatibleSchema, InvalidSchema, Level, Reference, Version
from .base import UnknownSchema as Unknown
from .sqlite import MAX_SCHEMA, SqliteRegistry

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_MAX_BODY = 2 * MAX_SCHEMA
_SUBJECT, _VERSION, _SCHEMA, _LEVEL = 40401, 40402, 40403, 40408
_INVALID_SCHEMA, _INVALID_VERSION, _INVALID_LEVEL = 42201, 42202, 42203


class _Schema(msgspec.Struct):
    """The body of a request with a schema."""

    schema: str
    schemaType: str = "AVRO"  # noqa: N815 - the name in the API
    references: list[Reference] | None = None


class _Config(msgspec.Struct):
    """The body of a request that sets a level."""

    compatibility: str


class _Refusal(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def create_app(registry: SqliteRegistry, token: str = "", hosts: Sequence[str] = ()) -> Starlette:
    """Return the ASGI app. Clients must send `token`, if given, as bearer token or password.

    `hosts`: the accepted values of `Host`, empty for any; the check stops DNS rebinding.
    """
    api = _Api(registry)

    def route(path: str, method: str, answer: Callable[[Request, Any], Any]) -> Route:
        async def endpoint(request: Request) -> Response:
            return await _respond(request, answer, token, hosts)

        return Route(path, endpoint, methods=[method])

    subject, one = "/subjects/{subject}", "/subjects/{subject}/versions/{version}"
    check = "/compatibility" + subject + "/versions"
    return Starlette(
        routes=[
            route("/", "GET", lambda request, body: {}),
            route("/mode", "GET", lambda request, body: {"mode": "READWRITE"}),
            route("/mode/{subject}", "GET", lambda request, body: {"mode": "READWRITE"}),
            route("/schemas/types", "GET", lambda request, body: ["AVRO"]),
            route("/schemas/ids/{id:int}", "GET", api.schema),
            route("/schemas/ids/{id:int}/schema", "GET", api.schema_text),
            route("/schemas/ids/{id:int}/subjects", "GET", api.schema_subjects),
            route("/schemas/ids/{id:int}/versions", "GET", api.schema_versions),
            route("/subjects", "GET", api.subjects),
            route(subject, "POST", api.lookup),
            route(subject, "DELETE", api.delete_subject),
            route(subject + "/versions", "GET", api.versions),
            route(subject + "/versions", "POST", api.register),
            route(one, "GET", api.version),
            route(one, "DELETE", api.delete_version),
            route(one + "/schema", "GET", api.version_text),
            route(one + "/referencedby", "GET", api.referenced_by),
            route(check, "POST", api.check),
            route(check + "/{version}", "POST", api.check),
            *(
                route(path, method, answer)
                for path in ("/config", "/config/{subject}")
                for method, answer in (
                    ("GET", api.level),
                    ("PUT", api.set_level),
                    ("DELETE", api.unset_level),
                )
            ),
        ]
    )


class _Api:
    """The operations; they run in threads."""

    def __init__(self, registry: SqliteRegistry) -> None:
        self._registry = registry

    def schema(self, request: Request, _: None) -> Any:
        text, references = self._registry.find_with_references(request.path_params["id"])
        return {"schema": text, **_describe_references(references)}

    def schema_text(self, request: Request, _: None) -> Any:
        return msgspec.Raw(self._registry.find(request.path_params["id"]).encode())

    def schema_subjects(self, request: Request, _: None) -> Any:
        return sorted({each["subject"] for each in self.schema_versions(request, None)})

    def schema_versions(self, request: Request, _: None) -> Any:
        id = request.path_params["id"]
        self._registry.find(id)
        found = self._registry.uses(id)
        return [{"subject": each.subject, "version": each.version} for each in found]

    def subjects(self, request: Request, _: None) -> Any:
        prefix = request.query_params.get("subjectPrefix", "")
        found = self._registry.subjects(deleted=_flag(request, "deleted"))
        return [each for each in found if each.startswith(prefix)]

    def versions(self, request: Request, _: None) -> Any:
        return [each.version for each in self._versions(request)]

    def version(self, request: Request, _: None) -> Any:
        return _describe(self._version(request))

    def version_text(self, request: Request, _: None) -> Any:
        return msgspec.Raw(self._version(request).schema.encode())

    def referenced_by(self, request: Request, _: None) -> Any:
        found = self._version(request)
        return self._registry.referencing(found.subject, found.version)

    def register(self, request: Request, body: bytes) -> Any:
        schema, references = _read_schema(body)
        return {"id": self._registry.register(_subject(request), schema, references)}

    def lookup(self, request: Request, body: bytes) -> Any:
        schema, references = _read_schema(body)
        found = self._registry.lookup(_subject(request), schema, references)
        if found is None:
            self._versions(request)
            raise _Refusal(_SCHEMA, "Schema not found")
        return _describe(found)

    def check(self, request: Request, body: bytes) -> Any:
        schema, references = _read_schema(body)
        level = self._registry.level(_subject(request))
        if "version" in request.path_params:
            earlier = [self._version(request)]
        else:
            earlier = self._registry.versions(_subject(request))
        breaks = self._registry.check(schema, earlier, level, references)
        found = {"is_compatible": not breaks}
        return {**found, "messages": breaks} if _flag(request, "verbose") else found

    def delete_subject(self, request: Request, _: bytes) -> Any:
        permanent = _flag(request, "permanent")
        found = self._versions(request, deleted=permanent)
        self._registry.delete(_subject(request), permanent=permanent)
        return [each.version for each in found]

    def delete_version(self, request: Request, _: bytes) -> Any:
        permanent = _flag(request, "permanent")
        found = self._version(request, deleted=permanent)
        self._registry.delete(found.subject, found.version, permanent=permanent)
        return found.version

    def level(self, request: Request, _: None) -> Any:
        subject = request.path_params.get("subject", "")
        own = self._registry.own_level(subject)
        if subject and own is None and not _flag(request, "defaultToGlobal"):
            raise _Refusal(
                _LEVEL,
                f"Subject '{subject}' does not have subject-level compatibility configured",
            )
        return {"compatibilityLevel": own or self._registry.level(subject)}

    def set_level(self, request: Request, body: bytes) -> Any:
        level = _decode(body, _Config).compatibility
        if level not in LEVELS:
            raise _Refusal(_INVALID_LEVEL, f"Invalid compatibility level: {level}")
        self._registry.set_level(request.path_params.get("subject", ""), cast(Level, level))
        return {"compatibility": level}

    def unset_level(self, request: Request, _: bytes) -> Any:
        subject = request.path_params.get("subject", "")
        before = self._registry.level(subject)
        self._registry.set_level(subject, None)
        return {"compatibilityLevel": before}

    def _versions(self, request: Request, *, deleted: bool | None = None) -> list[Version]:
        subject = _subject(request)
        if deleted is None:
            deleted = _flag(request, "deleted")
        found = self._registry.versions(subject, deleted=deleted)
        if not found:
            raise _Refusal(_SUBJECT, f"Subject '{subject}' not found.")
        return found

    def _version(self, request: Request, *, deleted: bool | None = None) -> Version:
        text = request.path_params["version"]
        if text not in ("latest", "-1") and not (text.isascii() and text.isdecimal()):
            raise _Refusal(_INVALID_VERSION, f"The specified version '{text}' is not a version id")
        for each in reversed(self._versions(request, deleted=deleted)):
            if text in ("latest", "-1") or each.version == int(text):
                return each
        raise _Refusal(_VERSION, f"Version {text} not found.")


async def _respond(
    request: Request, answer: Callable[[Request, Any], Any], token: str, hosts: Sequence[str]
) -> Response:
    try:
        _authorize(request, token, hosts)
        body = await _read_body(request) if request.method in ("POST", "PUT") else None
        return _reply(200, await run_in_threadpool(answer, request, body))
    except _Refusal as error:
        return _refuse(error.code, str(error))
    except Unknown as error:
        return _refuse(_SCHEMA, str(error))
    except InvalidSchema as error:
        return _refuse(_INVALID_SCHEMA, error.what)
    except IncompatibleSchema as error:
        return _refuse(409, str(error))
    except (Unavailable, StateError) as error:
        return _refuse(50_003 if isinstance(error, Unavailable) else 50_001, str(error))


def _authorize(request: Request, token: str, hosts: Sequence[str]) -> None:
    host = request.headers.get("host", "").rpartition("@")[2].lower()
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if hosts and name not in hosts:
        raise _Refusal(403, f"Host {name!r} is not accepted")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            given = b64decode(given).decode().partition(":")[2]
        except ValueError:
            given = ""
    if token and not hmac.compare_digest(given.encode(), token.encode()):
        raise _Refusal(401, "Send the token of [schemas] as bearer token, or as password")


async def _read_body(request: Request) -> bytes:
    if "json" not in request.headers.get("content-type", ""):
        raise _Refusal(415, f"Send JSON with the content type {MEDIA_TYPE}")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY:
            raise _Refusal(413, f"The maximum size of a request is {_MAX_BODY} bytes")
    return bytes(body)


def _read_schema(body: bytes) -> tuple[str, tuple[Reference, ...]]:
    found = _decode(body, _Schema)
    if found.schemaType != "AVRO":
        raise _Refusal(_INVALID_SCHEMA, f"Schema type {found.schemaType} is not supported")
    return found.schema, tuple(found.references or ())


def _decode(body: bytes, kind: type[Any]) -> Any:
    try:
        found = msgspec.json.decode(body)
        if isinstance(found, dict) and isinstance(found.get("references"), list):
            found["references"] = [
                [each.get("name"), each.get("subject"), each.get("version")]
                for each in found["references"]
                if isinstance(each, dict)
            ]
        return msgspec.convert(found, kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _Refusal(422, f"The request is not valid: {error}") from error


def _describe(version: Version) -> dict[str, Any]:
    found = {"subject": version.subject, "version": version.version, "id": version.id}
    return {**found, "schema": version.schema, **_describe_references(version.references)}


def _describe_references(references: Sequence[Reference]) -> dict[str, Any]:
    return {"references": [each._asdict() for each in references]} if references else {}


def _subject(request: Request) -> str:
    return str(request.path_params["subject"])


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() == "true"


def _refuse(code: int, message: str) -> Response:
    status = code if code < 1000 else code // 100
    return _reply(status, {"error_code": code, "message": message})


def _reply(status: int, value: object) -> Response:
    return Response(msgspec.json.encode(value), status, media_type=MEDIA_TYPE)
