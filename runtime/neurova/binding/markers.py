"""Markers for parameters that are read from a header field or a cookie."""

from __future__ import annotations


class Header:
    """Read a parameter from a header field: `Annotated[str, Header("x-tenant")]`.

    Default name: the parameter's name with each "_" replaced by "-".
    """

    __slots__ = ("name",)

    def __init__(self, name: str = "") -> None:
        self.name = name


class Cookie:
    """Read a parameter from a cookie: `Annotated[str, Cookie("session")]`.

    Default name: the parameter's name.
    """

    __slots__ = ("name",)

    def __init__(self, name: str = "") -> None:
        self.name = name
