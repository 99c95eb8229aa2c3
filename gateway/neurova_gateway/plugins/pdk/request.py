"""kong.request: the request of the client."""

from __future__ import annotations

import re
from _thread import get_ident
from urllib.parse import unquote_to_bytes

from neurova.http.call import Call

from .phase import PdkError, Phase
from .values import decode, get_first, group_fields

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


class _Names(dict[bytes, str]):
    """Common header names as text. Other names are not cached: clients could fill the cache."""

    def __missing__(self, name: bytes) -> str:
        return name.decode()


_COMMON = "accept authorization content-length content-type host traceparent user-agent x-api-key"
_NAMES = _Names({name.encode(): name for name in _COMMON.split()})


class Request:
    """Read the request as text: UTF-8, with invalid bytes as surrogates."""

    __slots__ = ("_phase",)

    def __init__(self, phase: Phase) -> None:
        self._phase = phase

    def get_headers(self, max_headers: int = 100) -> dict[str, list[str]]:
        """Return the first `max_headers` header fields: lower-case name to all its values."""
        phase = self._phase
        if phase.thread != get_ident():
            phase.refuse()
        call, names = phase.call, _NAMES
        headers = call.headers
        # The common case: no name repeats and all values are UTF-8.
        if max_headers == 100 and len(headers) == len(call.fields) <= 100:
            try:
                found = {}
                for name, value in headers.items():
                    found[names[name]] = [value.decode()]
                return found
            except UnicodeDecodeError:
                pass
        return group_fields(call.fields, _check_maximum(max_headers))

    def get_header(self, name: str) -> str | None:
        """Return a header's first value; case does not matter, and `_` is `-`."""
        phase = self._phase
        if phase.thread != get_ident():
            phase.refuse()
        return get_first(phase.call.headers, name)

    def get_method(self) -> str:
        """Return the method, in upper case."""
        return self._call().method

    def get_path(self) -> str:
        """Return the path, with the escapes of unreserved characters decoded."""

        def unescape(match: re.Match[bytes]) -> bytes:
            byte = int(match[1], 16)
            return bytes([byte]) if byte in _UNRESERVED else match[0].upper()

        return decode(_ESCAPE.sub(unescape, self._call().raw_path))

    def get_raw_path(self) -> str:
        """Return the path as it was sent, without the query."""
        return decode(self._call().raw_path)

    def get_path_with_query(self) -> str:
        """Return the path like `get_path`, followed by `?` and the query if there is a query."""
        query = self.get_raw_query()
        return f"{self.get_path()}?{query}" if query else self.get_path()

    def get_raw_query(self) -> str:
        """Return the query as it was sent, without `?`."""
        return decode(self._call().query)

    def get_query(self, max_args: int = 100) -> dict[str, list[str]]:
        """Return the first `max_args` query arguments: name to values, [] for no value."""
        found: dict[str, list[str]] = {}
        pairs = [pair for pair in self._call().query.split(b"&") if pair]
        for pair in pairs[: _check_maximum(max_args)]:
            name, equals, value = pair.partition(b"=")
            values = found.setdefault(_decode(name), [])
            if equals:
                values.append(_decode(value))
        return found

    def get_query_arg(self, name: str) -> str | bool | None:
        """Return an argument's first value, True if it has no value, None if it is missing."""
        values = self.get_query().get(name)
        if values is None:
            return None
        return values[0] if values else True

    def get_raw_body(self) -> bytes:
        """Return the body, empty until it is received."""
        return self._call().body

    def get_host(self) -> str:
        """Return the requested host, without the port."""
        return self._authority()[0]

    def get_port(self) -> int:
        """Return the requested port, by default the port of the scheme."""
        return self._authority()[1]

    def get_scheme(self) -> str:
        """Return "http" or "https"."""
        return self._call().scheme

    def get_http_version(self) -> float:
        """Return the version of HTTP: 1.1, or 1."""
        version = float(self._call().version)
        return int(version) if version.is_integer() else version

    def _call(self) -> Call:
        phase = self._phase
        if phase.thread != get_ident():
            phase.refuse()
        return phase.call

    def _authority(self) -> tuple[str, int]:
        call = self._call()
        host = decode(call.headers.get(b"host", b"")).lower()
        name, colon, port = host.rpartition(":")
        if colon and port.isdecimal() and len(port) < 6:
            return name, int(port)
        return host, 443 if call.scheme == "https" else 80


def _check_maximum(most: object) -> int:
    if type(most) is int and 1 <= most <= 1000:
        return most
    raise PdkError("the maximum must be an integer from 1 to 1000")


def _decode(part: bytes) -> str:
    return decode(unquote_to_bytes(part.replace(b"+", b" ")))
