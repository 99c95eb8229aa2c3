"""Return the request body."""

from neurova import post

from .domain import Echo, counted


@post("/echo", scopes=["probe:write"])
async def echo(body: Echo) -> Echo:
    counted.append("echo")
    return body
