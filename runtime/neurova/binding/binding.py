"""Read a function's arguments from a call; compiled once, when the function loads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from msgspec.inspect import DecimalType

from ..errors import BindError
from ..http.call import Call
from ..http.media_types import has_content_coding, sends_json, wants_json
from ..http.problem import Fault, problem
from ..http.query import Query, parse_query
from ..http.reply import JSON, Reply
from ..resources import Resources
from .body import Body
from .body_types import find_danger, parts_of
from .injection import injectable_of
from .parameter import REQUIRED, TRANSACTIONS, Parameter, Read, Signature, default_maker
from .readers import make_reader
from .signature import type_name
from .validation import INVALID, MALFORMED, MAX_FAULTS, value_faults
from .value_types import SCALARS

# `Binding.arguments` raises these for an invalid call; `refusal` then lists all its faults.
FAULTS = (msgspec.MsgspecError, ValueError, RecursionError)
_NO_QUERY: Query = {}
# The first byte of each JSON escape. Searching for one byte is ten times as fast as for `\u`.
_BACKSLASH = 0x5C

Arguments = Callable[[Call], list[Any]]


class NotAcceptable(ValueError):
    """The caller does not accept JSON."""


class NotJson(ValueError):
    """Content-Type or Content-Encoding declares a body that is not plain JSON."""


class Binding:
    """Read a function's arguments from a call, or list all faults of the call.

    `arguments(call)` returns the arguments in the signature's order, and raises one of FAULTS at
    the first fault. `tx` is the position of the `Tx` or `Snapshot` parameter, or -1. `timed`: the
    function has a Deadline parameter. `json_out`: the result is always sent as JSON.
    """

    __slots__ = (
        "_body",
        "_reads",
        "arguments",
        "json_out",
        "parameters",
        "returns",
        "timed",
        "tx",
    )

    def __init__(
        self,
        signature: Signature,
        function: str,
        resources: Resources,
        json_out: bool,
        place: str,
    ) -> None:
        self.parameters = signature.parameters
        self.returns = signature.returns
        self.json_out = json_out
        kinds = [parameter.kind for parameter in self.parameters]
        self.timed = "deadline" in kinds
        self.tx = next((at for at, kind in enumerate(kinds) if kind in TRANSACTIONS), -1)
        self._body: Body | None = None
        self._reads = tuple(
            self._compile(parameter, function, resources, place) for parameter in self.parameters
        )
        if self._body is not None and len(self._reads) == 1 and json_out:
            self.arguments: Arguments = _body_only(self._body, self._reads[0])
        else:
            self.arguments = _all_arguments(self._reads, json_out)

    def _compile(
        self, parameter: Parameter, function: str, resources: Resources, place: str
    ) -> Read:
        injectable = injectable_of(parameter.type)
        if injectable is not None:
            return injectable.make_reader(function, resources)
        try:
            if parameter.kind == "body":
                self._body = _make_body(parameter, place)
                return _body_reader(self._body, parameter.default)
            if parameter.type not in SCALARS:
                msgspec.json.Decoder(parameter.type)  # raise at load time, not at the first call
            return make_reader(parameter)
        except (TypeError, NameError, ValueError) as error:
            raise BindError(
                f"parameter {parameter.name!r}: {type_name(parameter.type)} cannot be decoded: "
                f"{str(error).splitlines()[-1]}",
                where=place,
                fix="use a type that msgspec can decode",
            ) from error

    def refusal(self, call: Call) -> Reply:
        """Return the reply that lists all faults of `call`."""
        if self.json_out and not wants_json(call):
            return problem(call, 406, "The response is application/json only.")
        coded = not sends_json(call) or has_content_coding(call)
        if self._body is not None and call.body and coded:
            return problem(
                call,
                415,
                "Send the body as application/json in UTF-8, not compressed, and state it in "
                "Content-Type.",
                headers={"accept": "application/json"},
            )
        faults: list[Fault] = []
        status, query = INVALID, _NO_QUERY
        try:
            query = parse_query(call.query)
        except ValueError as error:
            status = MALFORMED
            faults.append(Fault("", f"cannot be decoded: {error}", "query"))
        for parameter, read in zip(self.parameters, self._reads, strict=True):
            if parameter.kind == "body":
                if self._body is not None and (call.body or parameter.default is REQUIRED):
                    body_status, body_faults = self._body.faults(call.body)
                    status = min(status, body_status)
                    faults += body_faults
            elif parameter.kind != "query" or status != MALFORMED or query:
                faults += value_faults(partial(read, call, query), parameter)
        return problem(call, status, _detail(status, faults), errors=faults[:MAX_FAULTS])


def _detail(status: int, faults: list[Fault]) -> str:
    if status == MALFORMED:
        return "The request cannot be read: see errors."
    return "One value is not valid." if len(faults) == 1 else "Some values are not valid."


def _make_body(parameter: Parameter, place: str) -> Body:
    """Return the decoder of a body parameter. Raises BindError if its type is dangerous."""
    parts = parts_of(parameter.type)
    danger = find_danger(parts)
    if danger is not None:
        what, fix = danger
        raise BindError(f"parameter {parameter.name!r}: {what}", where=place, fix=fix)
    return Body(parameter.type, any(isinstance(part, DecimalType) for part in parts))


def _body_reader(body: Body, default: Any) -> Read:
    decode, decode_text = body.decode, body.decode_text
    optional, make_default = default is not REQUIRED, default_maker(default)

    def read(call: Call, query: Query) -> Any:
        raw = call.body
        if not raw and optional:
            return make_default()
        if call.headers.get(b"content-type") != JSON and not sends_json(call):
            raise NotJson
        if b"content-encoding" in call.headers and has_content_coding(call):
            raise NotJson
        if raw.isascii() and (_BACKSLASH not in raw or b"\\u" not in raw):
            return decode(raw)
        return decode_text(raw)

    return read


def _body_only(body: Body, read: Read) -> Arguments:
    """Optimize the most common signature: one body parameter and a JSON result."""
    decode = body.decode

    def arguments(call: Call) -> list[Any]:
        headers, raw = call.headers, call.body
        if b"accept" in headers and not wants_json(call):
            raise NotAcceptable
        if call.query:
            parse_query(call.query)
        # Inline `read` for plain ASCII bodies, the most common ones (bench/quote.py).
        if (
            raw
            and headers.get(b"content-type") == JSON
            and b"content-encoding" not in headers
            and raw.isascii()
            and _BACKSLASH not in raw
        ):
            return [decode(raw)]
        return [read(call, _NO_QUERY)]

    return arguments


def _all_arguments(reads: tuple[Read, ...], json_out: bool) -> Arguments:
    def arguments(call: Call) -> list[Any]:
        if json_out and b"accept" in call.headers and not wants_json(call):
            raise NotAcceptable
        query = parse_query(call.query) if call.query else _NO_QUERY
        return [read(call, query) for read in reads]

    return arguments
