"""kong.ctx, kong.nginx, kong.log: what plugins tell each other, and read around the request."""

from __future__ import annotations

import sys
from _thread import get_ident
from collections.abc import Callable
from typing import Any

from neurova.http.call import Call

from .phase import PdkError, Phase
from .values import first, plain, text


class _Deep:
    """Mark a value whose copies cost more than `dict.copy`."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def unwrapped(value: Any) -> Any:
    """Return a value as `Shared` keeps it: not to be changed."""
    return value.value if type(value) is _Deep else value


class Shared:
    """Keep values for the plugins of one call; what comes out is a copy of what went in."""

    __slots__ = ("_phase",)

    def __init__(self, phase: Phase) -> None:
        self._phase = phase

    def get(self, key: str) -> Any:
        """Return a value, None if there is none."""
        phase = self._phase
        if phase.thread != get_ident():
            phase.over()
        value = phase.shared.get(key)
        if type(value) is dict:
            return value.copy()
        return plain(value.value) if type(value) is _Deep else value

    def set(self, key: str, value: Any) -> None:
        """Keep a value, None to drop it."""
        phase = self._phase
        if phase.thread != get_ident():
            phase.over()
        if type(key) is not str:
            raise PdkError("ctx.shared.set: the key is text")
        if type(value) is dict and value:
            try:
                "".join(value.values())  # text alone, so a shallow copy shares nothing that changes
            except TypeError:
                pass
            else:
                phase.shared[key] = value.copy()
                return
        if value is None:
            phase.shared.pop(key, None)
        else:
            kept = plain(value)
            phase.shared[key] = _Deep(kept) if type(kept) in (dict, list) else kept


class Context:
    """Hold `kong.ctx.shared`."""

    __slots__ = ("shared",)

    def __init__(self, phase: Phase) -> None:
        self.shared = Shared(phase)


def _target(call: Call) -> str:
    return text(call.raw_path + b"?" + call.query if call.query else call.raw_path)


_VARIABLES: dict[str, Callable[[Call], str | None]] = {
    "args": lambda call: text(call.query) if call.query else None,
    "remote_addr": lambda call: call.client,
    "request": lambda call: f"{call.method} {_target(call)} HTTP/{call.version}",
    "request_method": lambda call: call.method,
    "request_uri": _target,
    "scheme": lambda call: call.scheme,
}


class Nginx:
    """Read nginx's variables of the request, those that mean something here."""

    __slots__ = ("_phase",)

    def __init__(self, phase: Phase) -> None:
        self._phase = phase

    def get_var(self, name: str) -> str | None:
        """Return a variable, None if there is none of that name."""
        phase = self._phase
        if phase.thread != get_ident():
            phase.over()
        if type(name) is not str:
            raise PdkError("nginx.get_var: the name is text")
        if name.startswith("http_"):
            return first(phase.call.headers, name[5:])
        read = _VARIABLES.get(name)
        return None if read is None else read(phase.call)

    def get_subsystem(self) -> str:
        """Return "http"."""
        return "http"


class Log:
    """Write lines to standard error, as they would go to Kong's log."""

    __slots__ = ()

    def __call__(self, *parts: object) -> None:
        """Write a line of level notice."""
        self.notice(*parts)

    def __getattr__(self, level: str) -> Any:
        if level not in ("alert", "crit", "err", "warn", "notice", "info", "debug"):
            raise AttributeError(level)
        return lambda *parts: _written(level, parts)


def _written(level: str, parts: tuple[object, ...]) -> None:
    sys.stderr.write(f"[{level}] plugin: {''.join(map(str, parts))}\n")
