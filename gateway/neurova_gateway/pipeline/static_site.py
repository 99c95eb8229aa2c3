"""Serve the files of a public page from memory, on paths without a route."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec

import msgspec

from neurova.http.caching import is_current
from neurova.http.call import Call, Field
from neurova.http.reply import Reply

from .compression import CompressedReply, choose_coding

METHODS = ("GET", "HEAD")
INDEX = "index.html"
# These formats are compressed already.
_PACKED = frozenset(["font/woff2", "image/avif", "image/jpeg", "image/png", "image/webp"])


class StaticFile(msgspec.Struct, frozen=True):
    """A file of a page; `encodings` maps "br" or "gzip" to encoded content, best first."""

    content: bytes
    content_type: str
    cache_control: str
    tag: str
    encodings: Mapping[str, bytes]


def compress(content: bytes, content_type: str) -> dict[str, bytes]:
    """Return the encodings of a file that are smaller than its content, best first.

    They are made once, so at the highest levels; Brotli only if it is installed.
    """
    if content_type in _PACKED:
        return {}
    encoder = zlib.compressobj(9, zlib.DEFLATED, 31)
    found = {"gzip": encoder.compress(content) + encoder.flush()}
    if find_spec("brotli"):
        found = {"br": import_module("brotli").compress(content, quality=11), **found}
    return {name: data for name, data in found.items() if len(data) < len(content)}


class StaticSite:
    """Serve the files of a page. A `Handler`.

    `files` maps paths without a leading slash to files; `index.html` is served at the path of its
    folder. `headers` are sent with each file. Paths are looked up unchanged in a dict, so no other
    file can be reached.
    """

    def __init__(self, files: Mapping[str, StaticFile], headers: Mapping[str, str]) -> None:
        fields = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._files = {_raw_path(path): _Replies(file, fields) for path, file in files.items()}

    def __contains__(self, raw_path: bytes) -> bool:
        return raw_path in self._files

    def invoke(self, call: Call) -> Reply:
        """Return the reply to a call; its path must be in the site."""
        return self._files[call.raw_path].choose(call)


class _Replies:
    """The prebuilt replies for one file: a 304, and a 200 for each coding (b"" for none)."""

    def __init__(self, file: StaticFile, fields: list[Field]) -> None:
        # Use a weak ETag, because it is the same for every coding.
        self._tag = b'W/"%b"' % file.tag.encode()
        caching = [(b"cache-control", file.cache_control.encode()), (b"etag", self._tag)]
        if file.encodings:
            caching.append((b"vary", b"accept-encoding"))
        bodies = {name.encode(): data for name, data in file.encodings.items()}
        self._codings = tuple(bodies)
        self._unchanged = CompressedReply.of(304, b"", b"", caching)
        content_type = file.content_type.encode()
        self._by_coding = {
            coding: CompressedReply.of(
                200,
                body,
                content_type,
                [*caching, *fields, *([(b"content-encoding", coding)] if coding else [])],
            )
            for coding, body in {**bodies, b"": file.content}.items()
        }

    def choose(self, call: Call) -> Reply:
        """Return the reply to a call."""
        if is_current(call, self._tag):
            return self._unchanged
        accepted = call.headers.get(b"accept-encoding", b"")
        return self._by_coding[choose_coding(accepted, self._codings) or b""]


def _raw_path(path: str) -> bytes:
    folder = path.removesuffix(INDEX)
    return b"/" + (folder if folder == "" or folder.endswith("/") else path).encode()
