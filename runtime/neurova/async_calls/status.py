"""The status resource of asynchronous calls."""

from __future__ import annotations

from collections.abc import Iterable

from ..database.base import Database, StoredResponse
from ..endpoints.factory import make_function
from ..endpoints.function import HttpFunction
from ..execution.context import ExecutionContext
from ..execution.deadline import Deadline
from ..functions.decorators import get
from ..functions.descriptions import Http
from ..http.caller import Caller
from ..http.problem import Reject
from ..http.reply import Reply
from ..idempotency.rules import REPLAYED
from ..resources import Resources
from .accepting import STATUS_PATH
from .records import KINDS, record_key

SERVICE = "_neurova"


def make_status_function(
    functions: Iterable[HttpFunction], execution: ExecutionContext
) -> HttpFunction:
    """Return the function that serves the status of asynchronous calls to `functions`."""
    databases = {each.name: each.resources.database for each in functions}

    @get(STATUS_PATH + "{id}")
    async def call_status(id: str, caller: Caller, deadline: Deadline) -> Reply:
        """Get the answer of an asynchronous call, or 202 while there is none."""
        open_database = databases.get(id.rpartition(".")[0])
        found = None
        if open_database is not None:
            found = await _find(open_database(), caller, id, deadline.at)
        if found is None:
            raise Reject(404, "No call of this consumer has this id, or it has expired.")
        fields = [*found.fields] if found.status == 202 else [*found.fields, REPLAYED]
        return Reply.of(found.status, found.body, found.content_type, fields)

    description: Http = call_status.__neurova__  # type: ignore[attr-defined]  # set by the decorator
    file = "neurova/async_calls"
    return make_function(call_status, description, SERVICE, file, Resources(), execution)


async def _find(
    database: Database, caller: Caller, id: str, deadline: float
) -> StoredResponse | None:
    """Return the record of a call's answer, failure or acceptance; None for an unknown call."""
    for kind in KINDS:
        found = await database.find_response(record_key(caller, id, kind), deadline)
        if found is not None:
            return found
    return None
