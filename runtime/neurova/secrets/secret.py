"""The secrets that functions take as parameters."""

from __future__ import annotations

from typing import Annotated, Any


class Secret:
    """A secret, as a parameter of a function: `Secret["stripe#token"]`.

    `value` is the text. `str` and `repr` show the name only, so that a secret in a log line or an
    error stays secret. Type checkers read `Annotated[Secret, "stripe#token"]`, which is the same.
    """

    __slots__ = ("_value", "name")
    name: str
    _value: str

    def __init__(self, name: str, value: str) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_value", value)

    @property
    def value(self) -> str:
        """The text of the secret; do not log or return it."""
        return self._value

    def __class_getitem__(cls, name: str) -> Any:
        return Annotated[cls, name]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Secret cannot be changed")

    def __reduce__(self) -> Any:
        raise TypeError("a Secret cannot be copied or stored")

    def __repr__(self) -> str:
        return f"Secret({self.name!r})"
