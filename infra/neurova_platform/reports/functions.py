"""The platform's functions that serve saved reports."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from starlette.requests import Request

from neurova.endpoints.endpoint import Endpoint
from neurova.endpoints.factory import make_function
from neurova.endpoints.function import HttpFunction
from neurova.errors import NeurovaError, Unavailable
from neurova.execution.context import ExecutionContext
from neurova.functions.decorators import description_of, get
from neurova.functions.descriptions import Http
from neurova.http.problem import Fault, Reject
from neurova.resources import Resources
from neurova.settings.settings import Settings
from neurova.warehouse import reports
from neurova.warehouse.base import QueryStopped
from neurova.warehouse.operations import Operations

from ..openapi.service import NAME, without_conflicts

LOGGER = logging.getLogger("neurova.warehouse")
PATH = "/reports"
MAX_ROWS = 10_000
"""The maximum number of rows in one answer."""


class Answer(msgspec.Struct, frozen=True):
    """The rows of a report; `is_complete` is false if there were more than 10,000."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    is_complete: bool


def report_functions(
    project: Iterable[Endpoint],
    settings: Settings,
    execution: ExecutionContext,
    operations: Operations,
) -> list[HttpFunction]:
    """Return the functions for the reports of the project.

    The required scopes are read once, here, but the query is read at each call. A report file with
    an error is not served.
    """
    folder = settings.reports
    if not folder.is_dir():
        return []
    found, handlers = [], []
    for name in reports.names(folder):
        try:
            report = reports.load(folder, name, settings.warehouse_dialect)
        except NeurovaError as error:
            LOGGER.error("The report %s is not served: %s", name, error)
        else:
            found.append(report)
            handlers.append(_report(report, settings, operations))
    functions = [_function(each, execution) for each in (_list(found), *handlers)]
    return without_conflicts(functions, project)


def _list(found: list[reports.Report]) -> Callable[..., Any]:
    @get(PATH, scopes=[reports.DEFAULT_SCOPE])
    async def list_reports() -> list[dict[str, Any]]:
        """List the saved reports, their scopes and their parameters."""
        return [reports.describe(each) for each in found]

    return list_reports


def _report(
    loaded: reports.Report, settings: Settings, operations: Operations
) -> Callable[..., Any]:
    def report(request: Request) -> Answer:
        try:
            current = reports.load(settings.reports, loaded.name, settings.warehouse_dialect)
            values = current.bind(dict(request.query_params))
            result = operations.query(current.sql, values, MAX_ROWS)
        except reports.InvalidParameter as error:
            fault = Fault(f"/{error.name}", error.what, "query")
            raise Reject(422, "A parameter is not valid.", errors=[fault]) from None
        except (QueryStopped, Unavailable) as error:
            LOGGER.error("Report %s: %s", loaded.name, error)
            raise Reject(503, "The warehouse cannot answer this now.") from None
        return Answer(*result)

    report.__doc__ = _describe(loaded)
    report.__name__ = f"report_{loaded.name}"
    timeout = settings.warehouse.timeout + 10
    return get(f"{PATH}/{loaded.name}", scopes=[loaded.scope], timeout=timeout)(report)


def _describe(report: reports.Report) -> str:
    """Return a report's description for the OpenAPI document; it lists the query parameters."""
    lines = [
        f"- `{each.name}` ({each.kind}), default `{each.default}`" for each in report.parameters
    ]
    if not lines:
        return f"Get the report {report.name}: {report.title}."
    shown = "\n".join(lines)
    return f"Get the report {report.name}: {report.title}.\n\nParameters of the query:\n\n{shown}"


def _function(handler: Callable[..., Any], execution: ExecutionContext) -> HttpFunction:
    description = description_of(handler)
    assert isinstance(description, Http)  # all handlers here have a decorator of `neurova`
    file = "neurova_platform/reports"
    return make_function(handler, description, NAME, file, Resources(), execution)
