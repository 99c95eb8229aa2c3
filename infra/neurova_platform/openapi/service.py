"""The platform's own service: functions that serve the document and the page that reads it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Annotated, Any

from neurova.binding.sources import Header
from neurova.endpoints.function import Function, HttpFunction, function_of
from neurova.functions.decorators import description_of, get
from neurova.functions.descriptions import Http
from neurova.http.problem import Reject
from neurova.http.reply import JSON, Reply
from neurova.resources import Resources
from neurova.settings.settings import Settings
from neurova.telemetry.redact import escaped

from .. import assets

NAME = "_neurova"
"""What the service is called: no folder of a project's can be."""
DOCUMENT = "/openapi.json"
PAGE = "/docs"
KINDS = {
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}
# The page speaks to the origin that it comes from, runs its own files, and no text becomes markup.
SECURITY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "referrer-policy": "no-referrer",
}
_FIELDS = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}

Asked = Annotated[str, Header("if-none-match")]


def access(settings: Settings, environment: str) -> str:
    """Return who may read the document: "public", "key" or "off" (nobody)."""
    return settings.openapi.access or ("public" if environment == "test" else "key")


def own(functions: Iterable[Function], settings: Settings, environment: str) -> list[Function]:
    """Return the platform's own functions; where the project answers a path itself, it does.

    `functions`: the project's, which the document is made of when it is first asked for.
    """
    known = list(functions)
    allowed = access(settings, environment)
    made = Made(lambda: encoded(known, settings))
    found: list[Function] = []
    rooms = [
        [_function(handler) for handler in room]
        for room in ((_document(made, public=allowed == "public"),), (_page(), _file()))
    ]
    unanswered = free([each for room in rooms for each in room], known)
    for room in rooms:
        # A page without its files, or without the document, would be of no use.
        if allowed == "off" or not all(each in unanswered for each in room):
            break
        found += room
    return found


def page(functions: Iterable[Function], settings: Settings, environment: str) -> str:
    """Return the path of the page, "" when it is not served."""
    found = own(functions, settings, environment)
    return PAGE if any(each.description.template == PAGE for each in found) else ""


def encoded(functions: Iterable[Function], settings: Settings) -> bytes:
    """Return the document of a project's functions, as JSON."""
    import msgspec

    from .document import Api, document

    said = settings.openapi
    api = Api(settings.project.name, said.version, said.servers, settings.gateway.limit)
    made = document(functions, api)
    try:
        return msgspec.json.encode(made)
    except UnicodeEncodeError:  # a text of the project holds half of a surrogate pair
        return msgspec.json.encode(_escaped(made))


def _escaped(said: Any) -> Any:
    """Return what a document says, with what UTF-8 cannot hold escaped."""
    if isinstance(said, str):
        return escaped(said)
    if isinstance(said, dict):
        return {_escaped(name): _escaped(value) for name, value in said.items()}
    if isinstance(said, list | tuple):
        return [_escaped(each) for each in said]
    return said


class Made:
    """Something large that is made when it is first asked for, once, with its ETag."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[bytes, str] | None = None

    def __call__(self) -> tuple[bytes, str]:
        """Return it and its ETag (RFC 9110, 8.8.3)."""
        with self._lock:
            if self._made is None:
                octets = self._make()
                self._made = octets, f'"{hashlib.sha256(octets).hexdigest()[:32]}"'
            return self._made


def reply(made: Made, asked: str, content_type: bytes, fields: dict[str, str]) -> Reply:
    """Return what was made, or 304 for a caller that has it (RFC 9110, 13.1.2)."""
    octets, tag = made()
    known = {each.strip().removeprefix("W/") for each in asked.split(",")}
    fields = {"etag": tag, **_FIELDS, **fields}
    if tag in known or "*" in known:
        return Reply(304, None, fields)
    return Reply(200, octets, {**fields, "content-type": content_type.decode()})


def _document(made: Made, *, public: bool) -> Callable[..., Any]:
    @get(DOCUMENT, public=public)
    def document(if_none_match: Asked = "") -> Reply:
        """Give the OpenAPI document of this project."""
        return reply(made, if_none_match, JSON, {})

    return document


def _page() -> Callable[..., Any]:
    @get(PAGE, public=True)
    async def page(if_none_match: Asked = "") -> Reply:
        """Give the page that reads the document; it holds nothing of the project itself."""
        return reply(_files("index.html"), if_none_match, b"text/html; charset=utf-8", SECURITY)

    return page


def _file() -> Callable[..., Any]:
    @get(PAGE + "/{file}", public=True)
    async def page_file(file: str, if_none_match: Asked = "") -> Reply:
        """Give a file of the page."""
        kind = KINDS.get(file.rpartition(".")[2])
        if kind is None or file not in assets.page():
            raise Reject(404, "The page has no such file")
        return reply(_files(file), if_none_match, kind, {})

    return page_file


@cache
def _files(name: str) -> Made:
    return Made((assets.page()[name]).read_bytes)


def free(offered: Sequence[Function], known: Iterable[Function]) -> list[Function]:
    """Return those of the offered functions whose path no known one answers."""
    paths = [each.description.template.split("/") for each in offered]
    heads = {path[1] for path in paths}
    near = [
        path
        for each in known
        if "GET" in each.description.methods
        and ((path := each.description.template.split("/"))[1] in heads or path[1][:1] == "{")
    ]
    return [
        each
        for each, path in zip(offered, paths, strict=True)
        if not any(_meet(path, other) for other in near)
    ]


def _meet(one: list[str], other: list[str]) -> bool:
    """Tell whether some path has both these forms, of which one may be a mount's."""
    if other[-1] == "{*}":
        return one[: len(other) - 1] == other[:-1]
    return len(one) == len(other) and all(
        left == right or left[:1] == "{" or right[:1] == "{"
        for left, right in zip(one, other, strict=True)
    )


def _function(handler: Callable[..., Any]) -> HttpFunction:
    description = description_of(handler)
    assert isinstance(description, Http)  # a decorator made it
    return function_of(handler, description, NAME, "neurova_platform/openapi", Resources())
