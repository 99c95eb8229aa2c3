"""/v1/functions: what is served."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from neurova.http.problem import Reject

from ..answer import answer, path, query
from ..page import PARAMETERS, Page, paged
from ..sources import Sources


def routes(sources: Sources) -> list[Route]:
    """Return the resources of functions."""

    def functions(request: Request) -> Response:
        asked = query(request, PARAMETERS)
        found = sorted(sources.functions(), key=lambda each: each.name)
        return answer(Page(*paged(found, asked, lambda each: each.name)))

    def function(request: Request) -> Response:
        query(request, ())
        name = path(request, "name")
        for each in sources.functions():
            if each.name == name:
                return answer(each)
        raise Reject(404, "no function has that name: /v1/functions lists all")

    return [Route("/v1/functions", functions), Route("/v1/functions/{name}", function)]
