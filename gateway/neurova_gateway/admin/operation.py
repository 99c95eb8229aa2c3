"""The declaration of an Admin API operation: its route, OpenAPI entry and audit record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args, get_origin, get_type_hints

import msgspec

from .paging import Page


class Call(msgspec.Struct, eq=False, kw_only=True):
    """The input of one call: path parameters, query parameters and the Accept header.

    A handler that changes state adds details of the change to `audit`, for the audit log.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    accept: str = ""
    audit: dict[str, object] = msgspec.field(default_factory=dict)


Handler = Callable[..., object]
"""A function of the AdminContext, the Call and, if declared, the `body`; returns the response.

The response is a value that becomes JSON, or a Starlette Response. A plain function runs on a
thread and may block. An `async def` runs on the event loop.
"""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """Declare one operation of the Admin API.

    `query`: the description of each query parameter; `paged` adds `limit` and `cursor`. `request`:
    the type of the JSON body. `response`: the type of the JSON response, or of one item of a page.
    `errors`: the error statuses of this operation. `audit`: the name of the change in the audit
    log; every operation that changes state needs one. `public`: the operation needs no token.
    """

    method: str
    path: str
    summary: str
    handler: Handler
    query: Mapping[str, str] = {}
    request: type | None = None
    response: type | None = None
    status: int = 200
    paged: bool = False
    errors: tuple[int, ...] = ()
    audit: str = ""
    public: bool = False

    def __post_init__(self) -> None:
        if (self.method == "GET") == bool(self.audit):
            raise ValueError(
                f"{self.method} {self.path}: give `audit` if and only if the method is not GET"
            )


def operation(
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    status: int = 200,
    errors: tuple[int, ...] = (),
    audit: str = "",
    public: bool = False,
) -> Callable[[Handler], Operation]:
    """Turn a handler into an Operation.

    The other fields come from the handler's docstring and annotations.
    """

    def declare(handler: Handler) -> Operation:
        types = get_type_hints(handler)
        response = types["return"]
        paged = get_origin(response) is Page
        if paged:
            (response,) = get_args(response)
        is_struct = isinstance(response, type) and issubclass(response, msgspec.Struct)
        return Operation(
            method=method,
            path=path,
            summary=(handler.__doc__ or "").partition("\n")[0],
            handler=handler,
            query=query or {},
            request=types.get("body"),
            response=response if is_struct else None,
            status=status,
            paged=paged,
            errors=errors,
            audit=audit,
            public=public,
        )

    return declare
