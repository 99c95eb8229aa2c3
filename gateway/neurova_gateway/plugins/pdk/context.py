"""kong.ctx, kong.nginx, kong.log: values shared by plugins, nginx variables, log lines."""

from __future__ import annotations

import sys
from _thread import get_ident
from collections.abc import Callable
from typing import Any

from neurova.http.call import Call

from .phase import PdkError, Phase
from .values import copy_plain, decode, get_first


class _Nested:
    """Mark a stored value that must be copied deeply."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def unwrap(value: Any) -> Any:
    """Return the value in a stored entry of `Shared`, without a copy; do not change it."""
    return value.value if type(value) is _Nested else value


class Shared:
    """Share values between the plugins of one call; each value is copied."""

    __slots__ = ("_phase",)

    def __init__(self, phase: Phase) -> None:
        self._phase = phase

    def get(self, key: str) -> Any:
        """Return a copy of a stored value, None if there is none."""
        phase = self._phase
        if phase.thread != get_ident():
            phase.refuse()
        value = phase.shared.get(key)
        if type(value) is dict:
            return value.copy()
        return copy_plain(value.value) if type(value) is _Nested else value

    def set(self, key: str, value: Any) -> None:
        """Store a copy of a value; None removes the key."""
        phase = self._phase
        if phase.thread != get_ident():
            phase.refuse()
        if type(key) is not str:
            raise PdkError("ctx.shared.set: the key must be text")
        if type(value) is dict and value:
            try:
                "".join(value.values())  # if all values are text, a shallow copy is enough
            except TypeError:
                pass
            else:
                phase.shared[key] = value.copy()
                return
        if value is None:
            phase.shared.pop(key, None)
        else:
            copy = copy_plain(value)
            phase.shared[key] = _Nested(copy) if type(copy) in (dict, list) else copy


class Context:
    """Hold `kong.ctx.shared`."""

    __slots__ = ("shared",)

    def __init__(self, phase: Phase) -> None:
        self.shared = Shared(phase)


def _target(call: Call) -> str:
    return decode(call.raw_path + b"?" + call.query if call.query else call.raw_path)


_VARIABLES: dict[str, Callable[[Call], str | None]] = {
    "args": lambda call: decode(call.query) if call.query else None,
    "remote_addr": lambda call: call.client,
    "request": lambda call: f"{call.method} {_target(call)} HTTP/{call.version}",
    "request_method": lambda call: call.method,
    "request_uri": _target,
    "scheme": lambda call: call.scheme,
}


class Nginx:
    """Read the variables of nginx that describe the request."""

    __slots__ = ("_phase",)

    def __init__(self, phase: Phase) -> None:
        self._phase = phase

    def get_var(self, name: str) -> str | None:
        """Return a variable, None for an unknown name."""
        phase = self._phase
        if phase.thread != get_ident():
            phase.refuse()
        if type(name) is not str:
            raise PdkError("nginx.get_var: the name must be text")
        if name.startswith("http_"):
            return get_first(phase.call.headers, name[5:])
        read = _VARIABLES.get(name)
        return None if read is None else read(phase.call)

    def get_subsystem(self) -> str:
        """Return "http"."""
        return "http"


class Log:
    """Write lines to standard error, in place of Kong's log."""

    __slots__ = ()

    def __call__(self, *parts: object) -> None:
        """Write a line at level notice."""
        self.notice(*parts)

    def __getattr__(self, level: str) -> Any:
        if level not in ("alert", "crit", "err", "warn", "notice", "info", "debug"):
            raise AttributeError(level)
        return lambda *parts: _write(level, parts)


def _write(level: str, parts: tuple[object, ...]) -> None:
    sys.stderr.write(f"[{level}] plugin: {''.join(map(str, parts))}\n")
