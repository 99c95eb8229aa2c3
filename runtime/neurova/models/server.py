"""Read the registry of an MLflow server by its REST API, and keep copies of model files."""

from __future__ import annotations

import base64
import http.client
import os
import re
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import msgspec

from ..errors import ConfigError, StateError, Unavailable
from ..server_url import connect
from .base import BrokenModel, ModelVersion, Reference, UnknownModel, missing_alias

_API = "/api/2.0/mlflow"
_PASSWORD = re.compile(r"//[^/@]*@")
_PAGE = 200
_MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # the second: unknown alias


class ServerRegistry:
    """Read the registry of the server at `url`; `cache` is the folder for copies of model files.

    `token` is sent as bearer token; a user and password in the URL are sent as basic
    authentication.
    """

    def __init__(self, url: str, cache: Path, token: str = "", timeout: float = 10.0) -> None:
        self._url = urlsplit(url)
        self._where = without_password(url)
        self._cache = cache
        self._timeout = timeout
        self._headers = {"accept": "application/json"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        elif self._url.username:
            user = f"{unquote(self._url.username)}:{unquote(self._url.password or '')}"
            encoded = base64.b64encode(user.encode()).decode()
            self._headers["authorization"] = f"Basic {encoded}"

    def resolve(self, reference: Reference) -> ModelVersion:
        """Return the version that an alias names."""
        values = {"name": reference.name, "alias": reference.alias}
        try:
            return _version(self._get("registered-models/alias", values)["model_version"])
        except UnknownModel:
            raise missing_alias(reference) from None

    def find(self, name: str, version: str) -> ModelVersion:
        """Return a version."""
        values = {"name": name, "version": version}
        return _version(self._get("model-versions/get", values)["model_version"])

    def aliases(self, name: str) -> dict[str, str]:
        """Return the version of each alias of a model."""
        found = self._get("registered-models/get", {"name": name})["registered_model"]
        return {each["alias"]: str(each["version"]) for each in found.get("aliases", ())}

    def versions(self, name: str) -> list[ModelVersion]:
        """Return the versions of a model, oldest first; none if it is not registered."""
        values = {"filter": f"name='{name}'"}
        found = self._pages("model-versions/search", "model_versions", values)
        return sorted(map(_version, found), key=lambda each: int(each.version))

    def names(self) -> list[str]:
        """Return the names of all models."""
        found = self._pages("registered-models/search", "registered_models", {})
        return sorted(each["name"] for each in found)

    def fetch(self, version: ModelVersion, file: str) -> Path:
        """Return the path of the local copy of a file of the version; download it if missing."""
        path = self._cache / quote(version.name, safe="") / version.version / file
        if path.is_file():
            return path
        values = {"name": version.name, "version": version.version, "path": file}
        status, content = self._send(f"/model-versions/get-artifact?{urlencode(values)}")
        if status >= 300:
            raise BrokenModel(
                f"the server does not return its file {file}: status {status}",
                where=str(version),
                fix="see the server's log, or promote another version",
            )
        _write(path, content)
        return path

    def _pages(self, call: str, field: str, values: dict[str, str]) -> list[Any]:
        found: list[Any] = []
        token = ""
        while True:
            page = {"page_token": token} if token else {}
            reply = self._get(call, {**values, **page, "max_results": str(_PAGE)})
            found += reply.get(field, ())
            token = reply.get("next_page_token", "")
            if not token:
                return found

    def _get(self, call: str, values: dict[str, str]) -> Any:
        status, content = self._send(f"{_API}/{call}?{urlencode(values)}")
        try:
            reply = msgspec.json.decode(content)
        except msgspec.DecodeError:
            reply = None
        if status < 300 and isinstance(reply, dict):
            return reply
        error = reply if isinstance(reply, dict) else {}
        message = str(error.get("message", f"status {status}"))
        if status in (400, 404) and error.get("error_code") in _MISSING:
            raise UnknownModel(message, where=self._where)
        if status in (401, 403):
            raise ConfigError(
                f"the server refuses the credentials (status {status})",
                where=self._where,
                fix="set models.token, or a user and password in models.url, by the environment",
            )
        if status >= 500 or status == 429:
            raise Unavailable(f"the server refuses a call: {message}", where=self._where)
        raise StateError(
            f"the server is not an MLflow server: {message}",
            where=self._where,
            fix="correct models.url",
        )

    def _send(self, target: str) -> tuple[int, bytes]:
        connection = connect(self._url, self._timeout)
        try:
            connection.request("GET", self._url.path.rstrip("/") + target, headers=self._headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"the MLflow server does not respond ({error or type(error).__name__})",
                where=self._where,
                fix="start it, or correct models.url",
            ) from error
        finally:
            connection.close()


def _version(found: dict[str, Any]) -> ModelVersion:
    tags = {each["key"]: each.get("value", "") for each in found.get("tags", ())}
    return ModelVersion(found["name"], str(found["version"]), found.get("source", ""), tags)


def _write(path: Path, content: bytes) -> None:
    """Write a file atomically, because other processes may fetch it at the same time."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        os.replace(file.name, path)
    except OSError as error:
        raise StateError(
            f"cannot be written: {error.strerror}", where=str(path), fix="free disk space"
        ) from None


def without_password(url: str) -> str:
    """Return a URL without its user and password."""
    return _PASSWORD.sub("//", url)
