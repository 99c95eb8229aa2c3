"""Right answers: a figure counts only when the server does what it is asked."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable
from typing import NamedTuple

from .load import Request
from .servers import PATIENCE


class Answer(NamedTuple):
    """What came back; the names of its header fields are in lower case."""

    status: int
    body: bytes
    fields: frozenset[str] = frozenset()


def ask(port: int, request: Request) -> Answer:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        fields = dict(request.fields)
        if request.body:
            fields["Content-Type"] = "application/json"
        connection.request(request.method, request.path, request.body or None, fields)
        response = connection.getresponse()
        names = frozenset(name.lower() for name in response.headers)
        return Answer(response.status, response.read(), names)
    finally:
        connection.close()


def fault(request: Request, answer: Answer) -> str:
    """Say what is wrong with an answer, "" when nothing is."""
    where = f"{request.method} {request.path}"
    if answer.status != request.status:
        return f"{where}: {answer.status} instead of {request.status}: {answer.body[:300]!r}"
    if request.answer is not None and json.loads(answer.body) != request.answer:
        return f"{where}: {answer.body[:300]!r} instead of {request.answer!r}"
    if missing := set(request.gives) - answer.fields:
        return f"{where}: the answer lacks {', '.join(sorted(missing))}"
    return ""


def check(port: int, requests: Iterable[Request]) -> None:
    """Raise RuntimeError that names the first answer that is not the right one."""
    for request in requests:
        if said := fault(request, ask(port, request)):
            raise RuntimeError(said)
