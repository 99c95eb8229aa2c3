"""Build a public page from its folder: hashed names, types, caching, headers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from posixpath import basename
from urllib.parse import urlsplit

import msgspec

from neurova.errors import ConfigError

from .references import Reference, replace_names

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"  # a cache may store the file, but must revalidate it before each use
CONTENT_TYPES = {
    "avif": "image/avif",
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "ico": "image/x-icon",
    "jpg": "image/jpeg",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "webmanifest": "application/manifest+json",
    "webp": "image/webp",
    "woff2": "font/woff2",
    "xml": "application/xml",
}
_TEXTS = frozenset(["css", "html", "js"])
_FIXED = frozenset(["favicon.ico", "robots.txt", "sitemap.xml"])  # clients request these names
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_]*)\s*\}\}")
HASH_LENGTH = 10


class SiteFile(msgspec.Struct, frozen=True):
    """A file to publish. `path` has no leading slash; `sha256` is of `content`, in hex."""

    path: str
    content: bytes
    content_type: str
    cache_control: str
    is_hashed: bool
    sha256: str


class Site(msgspec.Struct, frozen=True):
    """A page to publish: its files (hashed names first), and the headers that every file gets."""

    files: tuple[SiteFile, ...]
    headers: Mapping[str, str]


def build_site(folder: Path, variables: Mapping[str, str]) -> Site:
    """Build the page in a folder.

    Replaces `{{name}}` in HTML by the variable `name`; the variable "api" is the base URL of the
    API, "" for the same origin. Files keep their subfolders; hidden files are skipped. Raises
    ConfigError for a missing folder, a file of unknown type, a reference to a missing file, or an
    unknown variable.
    """
    sources = _read(folder)
    if "index.html" not in sources:
        raise ConfigError("has no index.html", where=str(folder), fix="create it")
    builder = _Builder(folder, sources, variables)
    files = [builder.build(path) for path in sorted(sources)]
    files.sort(key=lambda file: (not file.is_hashed, file.path))
    return Site(tuple(files), security_headers(variables.get("api", "")))


def security_headers(api: str) -> dict[str, str]:
    """Return the headers of every file; `api` is the base URL of an API on another origin, or "".

    Remove Strict-Transport-Security from responses without TLS (RFC 6797, 7.2).
    """
    parts = urlsplit(api)
    origin = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"font-src 'self'; manifest-src 'self'; connect-src 'self'{origin}; base-uri 'none'; "
        f"form-action 'none'; frame-ancestors 'none'; "
        f"require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return {
        "content-security-policy": policy,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "referrer-policy": "no-referrer",
        "strict-transport-security": "max-age=31536000",
        "x-content-type-options": "nosniff",
    }


def _read(folder: Path) -> dict[str, bytes]:
    """Return the contents of the files in a folder by path; skip hidden ones."""
    if not folder.is_dir():
        raise ConfigError("the folder of the page is missing", where=str(folder), fix="create it")
    sources = {}
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        if any(part.startswith(".") for part in path.parts) or file.is_dir():
            continue
        if not file.resolve().is_relative_to(folder.resolve()):
            raise ConfigError(
                "links to a file outside the page", where=str(file), fix="copy the file instead"
            )
        if file.suffix.lstrip(".") not in CONTENT_TYPES:
            known = ", ".join(sorted(CONTENT_TYPES))
            raise ConfigError(
                "has no known type, so it is not published",
                where=str(file),
                fix=f"move it out of the folder, or use one of {known}",
            )
        sources[path.as_posix()] = file.read_bytes()
    return sources


class _Builder:
    """Build each file once, after the files that it refers to, because it contains their hashes."""

    def __init__(
        self, folder: Path, sources: Mapping[str, bytes], variables: Mapping[str, str]
    ) -> None:
        self._folder = folder
        self._sources = sources
        self._variables = variables
        self._built: dict[str, SiteFile] = {}
        self._unfinished: list[str] = []

    def build(self, path: str) -> SiteFile:
        """Return the built file of a path."""
        if path not in self._built:
            self._unfinished.append(path)
            self._built[path] = self._build(path)
            self._unfinished.pop()
        return self._built[path]

    def _build(self, path: str) -> SiteFile:
        kind = path.rpartition(".")[2]
        content = self._sources[path]
        if kind in _TEXTS:
            text = content.decode()
            text = replace_names(path, text, lambda each: self._name_of(path, each))
            if kind == "html":
                text = self._fill(path, text)
            content = text.encode()
        digest = hashlib.sha256(content).hexdigest()
        is_hashed = _is_hashed(path)
        return SiteFile(
            f"{path.removesuffix(kind)}{digest[:HASH_LENGTH]}.{kind}" if is_hashed else path,
            content,
            CONTENT_TYPES[kind],
            IMMUTABLE if is_hashed else REVALIDATED,
            is_hashed,
            digest,
        )

    def _name_of(self, path: str, reference: Reference) -> str:
        """Return the published name of the file that a reference in the file `path` points to."""
        target = reference.target
        where = f"{self._folder / path}:{reference.line}"
        if target not in self._sources:
            raise ConfigError(
                f"refers to {target!r}, which is not in the folder", where=where, fix="correct it"
            )
        if not _is_hashed(target):
            return basename(target)
        if target in self._unfinished:
            raise ConfigError(
                f"refers to {target!r}, which refers back, so neither name can contain a hash",
                where=where,
                fix="move what both need to a third file",
            )
        return basename(self.build(target).path)

    def _fill(self, path: str, text: str) -> str:
        """Replace the variables in HTML."""

        def value(found: re.Match[str]) -> str:
            name = found[1]
            if name not in self._variables:
                line = text.count("\n", 0, found.start()) + 1
                raise ConfigError(
                    f"uses the variable {name!r}, which is not set",
                    where=f"{self._folder / path}:{line}",
                    fix=f"use one of: {', '.join(sorted(self._variables)) or 'none is set'}",
                )
            return escape(self._variables[name])

        return _VARIABLE.sub(value, text)


def _is_hashed(path: str) -> bool:
    return not path.endswith(".html") and path not in _FIXED
