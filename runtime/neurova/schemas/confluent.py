"""The client of a registry with the API of Confluent Schema Registry (also Karapace, Apicurio)."""

from __future__ import annotations

import http.client
import re
from base64 import b64encode
from contextlib import suppress
from typing import Any, cast
from urllib.parse import quote, unquote, urlsplit

import msgspec

from ..errors import ConfigError, StateError, Unavailable
from ..server_url import connect
from .base import (
    LEVELS,
    IncompatibleSchema,
    InvalidSchema,
    Level,
    Reference,
    UnknownSchema,
    Version,
)

TIMEOUT = 5.0
_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_PASSWORD = re.compile(r"//[^/@]*@")
_HTTP_NOT_FOUND, _HTTP_CONFLICT, _HTTP_INVALID = 404, 409, 422


class ConfluentRegistry:
    """Call the registry at `url`.

    `token` is sent as bearer token; a user and password in the URL are sent as basic
    authentication. `timeout` is in seconds, to connect and for each read.
    """

    def __init__(self, url: str, token: str = "", timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._where = without_password(url)
        self._url = urlsplit(url)
        self._headers = {"accept": _MEDIA_TYPE, "content-type": _MEDIA_TYPE}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        elif self._url.username:
            pair = f"{unquote(self._url.username)}:{unquote(self._url.password or '')}"
            self._headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"

    def register(self, subject: str, schema: str, references: tuple[Reference, ...] = ()) -> int:
        """Register a schema under a subject and return its id; add a version if it is new.

        Raises InvalidSchema, IncompatibleSchema, and UnknownSchema if a reference does not exist.
        """
        body: dict[str, Any] = {"schema": schema}
        if references:
            body["references"] = [each._asdict() for each in references]
        path = f"/subjects/{quote(subject, safe='')}/versions"
        return int(self._send("POST", path, body, subject=subject)["id"])

    def find(self, id: int) -> str:
        """Return the schema (JSON) with this id. Raises UnknownSchema."""
        return str(self._send("GET", f"/schemas/ids/{id}")["schema"])

    def subjects(self) -> list[str]:
        """Return the subjects, sorted."""
        return sorted(self._send("GET", "/subjects"))

    def versions(self, subject: str) -> list[Version]:
        """Return the versions of a subject, oldest first; none if it does not exist."""
        path = f"/subjects/{quote(subject, safe='')}/versions"
        try:
            numbers = sorted(self._send("GET", path))
        except UnknownSchema:
            return []
        found = [self._send("GET", f"{path}/{number}") for number in numbers]
        return [
            Version(
                each["subject"],
                each["version"],
                each["id"],
                each["schema"],
                tuple(
                    Reference(one["name"], one["subject"], one["version"])
                    for one in each.get("references") or ()
                ),
            )
            for each in found
        ]

    def level(self, subject: str) -> Level:
        """Return the compatibility level of a subject."""
        for path in (f"/config/{quote(subject, safe='')}", "/config"):
            try:
                level = self._send("GET", path)["compatibilityLevel"]
            except UnknownSchema:
                continue
            if level in LEVELS:
                return cast(Level, level)
        return "NONE"

    def set_level(self, subject: str, level: Level | None) -> None:
        """Set the compatibility level of a subject; None: use the default."""
        path = f"/config/{quote(subject, safe='')}"
        if level is not None:
            self._send("PUT", path, {"compatibility": level})
            return
        with suppress(UnknownSchema):
            self._send("DELETE", path)

    def close(self) -> None:
        """Do nothing: each request opens a new connection."""

    def _send(self, method: str, path: str, body: Any = None, *, subject: str = "") -> Any:
        content = None if body is None else msgspec.json.encode(body)
        connection = connect(self._url, self._timeout)
        try:
            connection.request(method, self._url.path.rstrip("/") + path, content, self._headers)
            reply = connection.getresponse()
            status, text = reply.status, reply.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"the schema registry does not respond ({error or type(error).__name__})",
                where=self._where,
                fix="start it, or correct schemas.url",
            ) from error
        finally:
            connection.close()
        if status >= 300:
            raise self._error(status, text, subject)
        try:
            return msgspec.json.decode(text) if text else None
        except msgspec.DecodeError as error:
            raise StateError(
                "the reply is not that of a schema registry",
                where=self._where,
                fix="correct schemas.url; Apicurio's ends with /apis/ccompat/v7",
            ) from error

    def _error(self, status: int, text: bytes, subject: str) -> Exception:
        try:
            message = str(msgspec.json.decode(text)["message"])
        except (msgspec.DecodeError, KeyError, TypeError):
            message = f"status {status}"
        if status == _HTTP_NOT_FOUND:
            return UnknownSchema(message, where=self._where)
        if status == _HTTP_CONFLICT:
            return IncompatibleSchema(
                f"the registry refuses the schema: {message}",
                where=subject or self._where,
                fix="`neurova schema check` prints a compatible schema",
            )
        if status == _HTTP_INVALID:
            return InvalidSchema(message, where=subject or self._where)
        if status in (401, 403):
            return ConfigError(
                f"the registry refuses the credentials (status {status})",
                where=self._where,
                fix="set schemas.token, or a user and password in schemas.url, by the environment",
            )
        kind = Unavailable if status >= 500 or status == 429 else StateError
        return kind(f"the registry refuses a call: {message}", where=self._where, fix="see its log")


def without_password(url: str) -> str:
    """Return a URL without its user and password."""
    return _PASSWORD.sub("//", url)
