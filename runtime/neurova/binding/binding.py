"""From a call to a function's arguments; compiled once, when the function loads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from ..errors import BindError
from ..http.call import Call
from ..http.media_types import has_content_coding, sends_json, wants_json
from ..http.problem import Fault, problem
from ..http.query import Query, parse_query
from ..http.reply import JSON, Reply
from ..resources import Resources
from .injection import injectable_of
from .parameter import REQUIRED, Parameter, Read, Signature
from .shapes import SCALARS
from .signature import shown
from .validation import FAULTS as MOST
from .validation import INVALID, MALFORMED, Body, value_faults
from .values import reader

# What `arguments` may raise for a call that does not fit; `refusal` then says all that is wrong.
FAULTS = (msgspec.MsgspecError, ValueError, RecursionError)
_NO_QUERY: Query = {}
_BACKSLASH = 0x5C  # to look for one byte is ten times as fast as for two
_PUBLISHED: WeakKeyDictionary[type, bool] = WeakKeyDictionary()

Arguments = Callable[[Call], list[Any]]


class NotAcceptable(ValueError):
    """The caller takes no JSON."""


class NotJson(ValueError):
    """The body is not said to be JSON."""


class Binding:
    """Read a function's arguments from a call, or say everything that is wrong with it.

    `arguments(call)` returns them in the signature's order and raises one of FAULTS at the first
    fault. `tx` is the position of the function's `Tx`, -1 without one. `timed`: it asks for its
    deadline. `json_out`: what it returns is sent as JSON, whatever it is.
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
        self.timed = any(parameter.kind == "deadline" for parameter in self.parameters)
        self.tx = -1
        self._body: Body | None = None
        reads = []
        for position, parameter in enumerate(self.parameters):
            if parameter.kind == "tx":
                self.tx = position
            try:
                reads.append(self._read(parameter, function, resources))
            except (TypeError, NameError, ValueError) as error:
                raise BindError(
                    f"{place}: parameter {parameter.name!r}: {shown(parameter.type)} cannot be "
                    f"read: {str(error).splitlines()[-1]}: give it a type msgspec can decode"
                ) from error
        self._reads = tuple(reads)
        if self._body is not None and len(reads) == 1 and json_out:
            # What most functions are: one body in, JSON out.
            self.arguments: Arguments = _body_only(self._body, self._reads[0])
        else:
            self.arguments = _all(self._reads, json_out)

    def _read(self, parameter: Parameter, function: str, resources: Resources) -> Read:
        injectable = injectable_of(parameter.type)
        if injectable is not None:
            return injectable.make_reader(function, resources)
        if parameter.kind == "body":
            self._body = Body(parameter.type, _publish(parameter.type))
            return _body(self._body, parameter.default)
        if parameter.type not in SCALARS:
            msgspec.json.Decoder(parameter.type)  # fails now, not at the first call
        return reader(parameter)

    def refusal(self, call: Call) -> Reply:
        """Return the reply that names everything that is wrong with `call`."""
        if self.json_out and not wants_json(call):
            return problem(call, 406, "This answers application/json only: accept that.")
        if (
            self._body is not None
            and call.body
            and (not sends_json(call) or has_content_coding(call))
        ):
            return problem(
                call,
                415,
                "Send the body as application/json in UTF-8, not compressed, and say so in "
                "Content-Type.",
                headers={"accept": "application/json"},
            )
        faults: list[Fault] = []
        status, query = INVALID, _NO_QUERY
        try:
            query = parse_query(call.query)
        except ValueError as error:
            status = MALFORMED
            faults.append(Fault("", f"cannot be read: {error}", "query"))
        for parameter, read in zip(self.parameters, self._reads, strict=True):
            if parameter.kind == "body":
                if self._body is not None and (call.body or parameter.default is REQUIRED):
                    worse, found = self._body.faults(call.body)
                    status = min(status, worse)
                    faults += found
            elif parameter.kind != "query" or status != MALFORMED or query:
                faults += value_faults(partial(read, call, query), parameter)
        return problem(call, status, _detail(status, faults), errors=faults[:MOST])


def _publish(kind: Any) -> bool:
    """Tell whether a type holds decimals; raise TypeError for one without a JSON Schema.

    It is asked once a type.
    """
    if isinstance(kind, type) and kind in _PUBLISHED:
        return _PUBLISHED[kind]
    found = b'"format":"decimal"' in msgspec.json.encode(msgspec.json.schema(kind))
    if isinstance(kind, type):
        _PUBLISHED[kind] = found
    return found


def _detail(status: int, faults: list[Fault]) -> str:
    if status == MALFORMED:
        return "The request cannot be read: see errors."
    return "One value is not valid." if len(faults) == 1 else "Some values are not valid."


def _body(body: Body, default: Any) -> Read:
    decode, careful = body.decode, body.decode_text

    def read(call: Call, query: Query) -> Any:
        raw = call.body
        if not raw and default is not REQUIRED:
            return default
        if call.headers.get(b"content-type") != JSON and not sends_json(call):
            raise NotJson
        if b"content-encoding" in call.headers and has_content_coding(call):
            raise NotJson
        try:
            if raw.isascii() and (_BACKSLASH not in raw or b"\\u" not in raw):
                return decode(raw)
            return careful(raw)
        except msgspec.ValidationError:
            return body.decode_whole(raw)

    return read


def _body_only(body: Body, read: Read) -> Arguments:
    decode = body.decode

    def arguments(call: Call) -> list[Any]:
        headers, raw = call.headers, call.body
        if b"accept" in headers and not wants_json(call):
            raise NotAcceptable
        if call.query:
            parse_query(call.query)
        # What `read` does with nearly all bodies, without another call.
        if (
            raw
            and headers.get(b"content-type") == JSON
            and b"content-encoding" not in headers
            and raw.isascii()
            and _BACKSLASH not in raw
        ):
            try:
                return [decode(raw)]
            except msgspec.ValidationError:
                return [body.decode_whole(raw)]
        return [read(call, _NO_QUERY)]

    return arguments


def _all(reads: tuple[Read, ...], json_out: bool) -> Arguments:
    def arguments(call: Call) -> list[Any]:
        if json_out and b"accept" in call.headers and not wants_json(call):
            raise NotAcceptable
        query = parse_query(call.query) if call.query else _NO_QUERY
        return [read(call, query) for read in reads]

    return arguments
