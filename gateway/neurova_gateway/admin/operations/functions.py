"""/v1/functions: the functions that are served."""

from __future__ import annotations

from neurova.http.problem import Reject

from ..context import AdminContext, Function
from ..operation import Call, Operation
from ..paging import Page, paginate


def list_functions(context: AdminContext, call: Call) -> Page:
    """Return the functions, ordered by name."""
    functions = sorted(context.functions(), key=lambda each: each.name)
    return paginate(functions, call.query, lambda each: each.name)


def get_function(context: AdminContext, call: Call) -> Function:
    """Return one function. Raises Reject (404)."""
    for function in context.functions():
        if function.name == call.path["name"]:
            return function
    raise Reject(404, "No function has this name, see /v1/functions")


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/functions",
        summary="List the functions.",
        handler=list_functions,
        response=Function,
        paged=True,
    ),
    Operation(
        method="GET",
        path="/v1/functions/{name}",
        summary="Get a function.",
        handler=get_function,
        response=Function,
        errors=(404,),
    ),
)
