"""/v1/functions: the functions that are served."""

from __future__ import annotations

from neurova.http.problem import Reject

from ..context import AdminContext, Function
from ..operation import Call, operation
from ..paging import Page, paginate


@operation("GET", "/v1/functions")
def list_functions(context: AdminContext, call: Call) -> Page[Function]:
    """List the functions."""
    functions = sorted(context.functions(), key=lambda each: each.name)
    return paginate(functions, call.query, lambda each: each.name)


@operation("GET", "/v1/functions/{name}", errors=(404,))
def get_function(context: AdminContext, call: Call) -> Function:
    """Get a function."""
    for function in context.functions():
        if function.name == call.path["name"]:
            return function
    raise Reject(404, "No function has this name, see /v1/functions")


OPERATIONS = (list_functions, get_function)
