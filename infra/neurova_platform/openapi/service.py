"""The platform's own service: functions that serve the OpenAPI document and a page to read it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Annotated, Any

from neurova.binding.markers import Header
from neurova.endpoints.endpoint import Endpoint
from neurova.endpoints.factory import make_function
from neurova.endpoints.function import HttpFunction
from neurova.execution.context import ExecutionContext
from neurova.functions.decorators import description_of, get
from neurova.functions.descriptions import Http
from neurova.http.problem import Reject
from neurova.http.reply import JSON, Reply
from neurova.resources import Resources
from neurova.settings.settings import Settings
from neurova.telemetry.redact import escape_surrogates

from .. import assets

NAME = "_neurova"
"""The name of the platform's own service; no service folder of a project can have this name."""
DOCUMENT = "/openapi.json"
PAGE = "/docs"
MEDIA_TYPES = {
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}
# Allow the page to connect only to its origin and to run only its own files; forbid it to parse
# text as HTML.
SECURITY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "referrer-policy": "no-referrer",
}
_HEADERS = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}

IfNoneMatch = Annotated[str, Header("if-none-match")]


def document_access(settings: Settings, environment: str) -> str:
    """Return who may read the document: "public", "key" or "off" (nobody)."""
    return settings.openapi.access or ("public" if environment == "test" else "key")


def platform_functions(
    functions: Iterable[Endpoint],
    settings: Settings,
    environment: str,
    execution: ExecutionContext,
) -> list[HttpFunction]:
    """Return the functions that serve the OpenAPI document of `functions`, and its page.

    If a function of the project has the same path, it takes precedence. The first request builds
    the document.
    """
    project = list(functions)
    access = document_access(settings, environment)
    if access == "off":
        return []
    content = LazyContent(lambda: encode_document(project, settings))
    document = _function(_document(content, public=access == "public"), execution)
    page = [_function(_page(), execution), _function(_file(), execution)]
    free = without_conflicts([document, *page], project)
    if document not in free:
        return []
    # Serve the page only if all its files can be served.
    return [document, *page] if all(each in free for each in page) else [document]


def page_path(functions: Iterable[Endpoint], settings: Settings, environment: str) -> str:
    """Return the path of the page, "" if it is not served."""
    served = platform_functions(functions, settings, environment, ExecutionContext())
    return PAGE if any(each.description.template == PAGE for each in served) else ""


def encode_document(functions: Iterable[Endpoint], settings: Settings) -> bytes:
    """Return the document of a project's functions, as JSON."""
    import msgspec

    from .document import Api, document

    openapi = settings.openapi
    api = Api(settings.project.name, openapi.version, openapi.servers, settings.gateway.limit)
    content = document(functions, api)
    try:
        return msgspec.json.encode(content)
    except UnicodeEncodeError:  # a docstring contains a lone surrogate
        return msgspec.json.encode(_with_escapes(content))


def _with_escapes(value: Any) -> Any:
    """Return a JSON value in which characters that UTF-8 cannot encode are escaped."""
    if isinstance(value, str):
        return escape_surrogates(value)
    if isinstance(value, dict):
        return {_with_escapes(name): _with_escapes(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_with_escapes(each) for each in value]
    return value


class LazyContent:
    """Build a body and its ETag at the first request."""

    def __init__(self, build: Callable[[], bytes]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._built: tuple[bytes, str] | None = None

    def get(self) -> tuple[bytes, str]:
        """Return the body and its ETag (RFC 9110, 8.8.3)."""
        with self._lock:
            if self._built is None:
                octets = self._build()
                self._built = octets, f'"{hashlib.sha256(octets).hexdigest()[:32]}"'
            return self._built


def reply(
    content: LazyContent, if_none_match: str, media_type: bytes, headers: dict[str, str]
) -> Reply:
    """Return the content, or 304 if the client has it already (RFC 9110, 13.1.2)."""
    octets, etag = content.get()
    client_etags = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    headers = {"etag": etag, **_HEADERS, **headers}
    if etag in client_etags or "*" in client_etags:
        return Reply(304, None, headers)
    return Reply(200, octets, {**headers, "content-type": media_type.decode()})


def _document(content: LazyContent, *, public: bool) -> Callable[..., Any]:
    @get(DOCUMENT, public=public)
    def document(if_none_match: IfNoneMatch = "") -> Reply:
        """Get the OpenAPI document of this project."""
        return reply(content, if_none_match, JSON, {})

    return document


def _page() -> Callable[..., Any]:
    @get(PAGE, public=True)
    async def page(if_none_match: IfNoneMatch = "") -> Reply:
        """Get the page that displays the document; the page itself contains no project data."""
        return reply(
            _file_content("index.html"), if_none_match, b"text/html; charset=utf-8", SECURITY
        )

    return page


def _file() -> Callable[..., Any]:
    @get(PAGE + "/{file}", public=True)
    async def page_file(file: str, if_none_match: IfNoneMatch = "") -> Reply:
        """Get a file of the page."""
        media_type = MEDIA_TYPES.get(file.rpartition(".")[2])
        if media_type is None or file not in assets.page():
            raise Reject(404, "The page has no such file")
        return reply(_file_content(file), if_none_match, media_type, {})

    return page_file


@cache
def _file_content(name: str) -> LazyContent:
    return LazyContent((assets.page()[name]).read_bytes)


def without_conflicts(
    functions: Sequence[HttpFunction], project: Iterable[Endpoint]
) -> list[HttpFunction]:
    """Return those of `functions` whose paths do not overlap the paths of the project."""
    paths = [each.description.template.split("/") for each in functions]
    first_segments = {path[1] for path in paths}
    candidates = [
        path
        for each in project
        if "GET" in each.description.methods
        and (
            (path := each.description.template.split("/"))[1] in first_segments
            or path[1].startswith("{")
        )
    ]
    return [
        each
        for each, path in zip(functions, paths, strict=True)
        if not any(_overlap(path, other) for other in candidates)
    ]


def _overlap(one: list[str], other: list[str]) -> bool:
    """Return whether any path matches both patterns; `other` may be the path of a mounted app."""
    if other[-1] == "{*}":
        return one[: len(other) - 1] == other[:-1]
    return len(one) == len(other) and all(
        left == right or left[:1] == "{" or right[:1] == "{"
        for left, right in zip(one, other, strict=True)
    )


def _function(handler: Callable[..., Any], execution: ExecutionContext) -> HttpFunction:
    description = description_of(handler)
    assert isinstance(description, Http)  # all handlers here have a decorator of `neurova`
    file = "neurova_platform/openapi"
    return make_function(handler, description, NAME, file, Resources(), execution)
