"""The interface of CDNs, and the plan of a release, without I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from neurova.errors import ConfigError

from ..plan import Change
from .routes import ApiRoute, refuse_overlaps
from .site import Site, SiteFile

KEPT = 5
"""Keep the hashed files of this many releases, because open browser pages may still load them."""

Report = Callable[[str], None]


class Entry(msgspec.Struct, frozen=True):
    """A published file: a hash of its content and headers (32 hex digits), its size in bytes."""

    hash: str
    size: int


class Release(msgspec.Struct, frozen=True):
    """A published page: who published which files, and when.

    `hashed`: the files with hashed names, by path. `pages`: all other files, without their
    compressed forms.
    """

    hashed: Mapping[str, Entry]
    pages: tuple[SiteFile, ...]
    headers: Mapping[str, str]
    number: int = 0
    when: str = ""
    who: str = ""
    commit: str = ""
    note: str = ""

    @property
    def entries(self) -> dict[str, Entry]:
        """Return all files by path."""
        return {**self.hashed, **{each.path: entry_of(each) for each in self.pages}}

    def equals(self, other: Release) -> bool:
        """Return whether both releases contain the same files and headers."""
        return self.entries == other.entries and self.headers == other.headers


class Front(msgspec.Struct, frozen=True):
    """The configuration of a CDN: the routes of the API, and the headers of files."""

    routes: tuple[ApiRoute, ...] = ()
    headers: Mapping[str, str] = {}


class Present(msgspec.Struct, frozen=True):
    """The current state of a CDN.

    `files`: the hash of each file by path ("" if unknown). `releases`: newest first. `changes`: the
    differences between the CDN's configuration and the wanted configuration.
    """

    files: Mapping[str, str] = {}
    releases: tuple[Release, ...] = ()
    changes: tuple[Change, ...] = ()


class SitePlan(msgspec.Struct, frozen=True):
    """The changes that publish a release, in the order in which they are applied.

    `uploads`: hashed files first, HTML last. `stale`: the URL paths to invalidate. `files`: all
    files that stay, including files of earlier releases. `releases`: the releases that the CDN
    keeps a record of. `contents`: files that can be uploaded again if the CDN has lost them.
    """

    front: Front
    changes: tuple[Change, ...]
    uploads: tuple[SiteFile, ...]
    stale: tuple[str, ...]
    deletes: tuple[str, ...]
    files: Mapping[str, Entry]
    releases: tuple[Release, ...]
    is_new: bool
    contents: tuple[SiteFile, ...]

    def __bool__(self) -> bool:
        return bool(self.changes or self.uploads or self.deletes or self.is_new)

    def __str__(self) -> str:
        lines = [str(each) for each in self.changes]
        lines += [f"upload {each.path}" for each in self.uploads]
        lines += [f"invalidate {each}" for each in self.stale]
        lines += [f"delete {each}" for each in self.deletes]
        return "\n".join(lines or ["publish the page again"] * self.is_new)


class Cdn(Protocol):
    """A CDN that a page is published on. Each method raises NeurovaError if the CDN refuses it."""

    def check(self) -> str:
        """Return one line about the state of the CDN; change nothing."""

    def read(self, front: Front) -> Present:
        """Return the current state, compared with `front`.

        Raises ConfigError if a resource with our name does not belong to this deployment.
        """

    def apply(self, plan: SitePlan, report: Report) -> str:
        """Publish the plan and return the URL of the page; an interrupted call can be repeated."""

    def destroy(self, report: Report) -> None:
        """Delete everything that `apply` has created."""


def entry_of(file: SiteFile) -> Entry:
    """Return the entry of a file."""
    parts = (file.sha256, file.content_type, file.cache_control)
    return Entry(hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32], len(file.content))


def url_path(path: str) -> str:
    """Return the URL path of a file; `index.html` has the path of its folder."""
    folder, _, name = f"/{path}".rpartition("/")
    return f"{folder}/" if name == "index.html" else f"/{path}"


def release_of(site: Site) -> Release:
    """Return a new release with the files of a site."""
    hashed = {each.path: entry_of(each) for each in site.files if each.is_hashed}
    pages = tuple(each for each in site.files if not each.is_hashed)
    return Release(hashed, pages, dict(site.headers))


def plan_release(
    release: Release, files: Iterable[SiteFile], front: Front, present: Present
) -> SitePlan:
    """Return the changes that publish a release; `files`: the files whose content is available.

    Raises ConfigError if the content of a missing file is not available, or if a route and a file
    have the same URL.
    """
    refuse_overlaps(front.routes, map(url_path, release.entries))
    is_new = not present.releases or not release.equals(present.releases[0])
    releases = ((release,) * is_new + present.releases)[:KEPT]
    staying = {path: entry for each in releases for path, entry in each.hashed.items()}
    staying.update(release.entries)
    entries = release.entries
    missing = {path for path, entry in entries.items() if present.files.get(path) != entry.hash}
    contents = tuple(each for each in files if entries.get(each.path) == entry_of(each))
    uploads = [each for each in contents if each.path in missing]
    if lost := missing - {each.path for each in uploads}:
        raise ConfigError(
            f"{min(lost)} is no longer stored",
            where=f"release {release.number}",
            fix="deploy its commit instead",
        )
    deletes = sorted(set(present.files) - set(staying))
    hashed = {path for each in present.releases for path in each.hashed}
    changed = [each.path for each in uploads if not each.is_hashed and each.path in present.files]
    changed += [path for path in deletes if path not in hashed]
    uploads.sort(key=lambda each: (not each.is_hashed, each.path.endswith(".html"), each.path))
    return SitePlan(
        front,
        present.changes,
        tuple(uploads),
        tuple(map(url_path, changed)),
        tuple(deletes),
        staying,
        releases,
        is_new,
        contents,
    )
