"""Build the ASGI app of the Admin API from its declared operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from inspect import iscoroutinefunction
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from neurova.http.problem import Reject

from .audit import Audit
from .context import AdminContext
from .guard import Guard
from .http import json_response, problem_response, read_body, read_query
from .openapi import document_operation
from .operation import Call, Operation

PAGE_PARAMETERS = frozenset(["limit", "cursor"])


def create_app(
    operations: Sequence[Operation], context: AdminContext, token: str, hosts: Iterable[str] = ()
) -> Guard:
    """Return the ASGI app that serves `operations` and their OpenAPI document.

    Every request needs `token`, except for public operations. `hosts` are accepted in addition to
    loopback names.
    """
    operations = [*operations, document_operation(operations)]
    router = Router([_route(each, context) for each in operations], redirect_slashes=False)
    with_problems = ExceptionMiddleware(router, {HTTPException: _unroutable})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        # Set "app": without it, Starlette's router answers 404 and 405 itself, as plain text.
        await with_problems({**scope, "app": None}, receive, send)

    public = frozenset(each.path for each in operations if each.public)
    return Guard(app, token, Audit(context.audit_log), hosts, public)


def _route(operation: Operation, context: AdminContext) -> Route:
    allowed = operation.query.keys() | (PAGE_PARAMETERS if operation.paged else ())

    async def endpoint(request: Request) -> Response:
        call = Call(
            path=request.path_params,
            query=read_query(request, allowed),
            accept=request.headers.get("accept", ""),
        )
        arguments: list[object] = [context, call]
        if operation.request is not None:
            arguments.append(await read_body(request, operation.request))
        result: object
        if iscoroutinefunction(operation.handler):
            result = await operation.handler(*arguments)
        else:
            result = await run_in_threadpool(operation.handler, *arguments)
        if operation.audit:
            request.state.audit = {"did": operation.audit, **call.audit}
        return result if isinstance(result, Response) else json_response(result, operation.status)

    return Route(operation.path, endpoint, methods=[operation.method])


def _unroutable(_: Any, error: Exception) -> Response:
    """Convert Starlette's error for an unknown path or method to problem+json."""
    status: int = getattr(error, "status_code", 500)
    headers = dict(getattr(error, "headers", None) or {})
    detail = "No route matches this path, see /v1/openapi.json"
    if status == 405:
        detail = f"Method not allowed, use {headers.get('Allow', 'another method')}"
    return problem_response(Reject(status, detail, headers=headers))
