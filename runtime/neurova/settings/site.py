"""The section `[site]` of neurova.toml: the public page of a project."""

from __future__ import annotations

from .section import Section
from .units import FilePath


class Site(Section, frozen=True):
    """Configure the public page; `folder`: its files, empty for none.

    The embedded gateway serves it on the paths that no function has.
    """

    folder: FilePath = ""
