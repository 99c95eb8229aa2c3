"""Add a thing."""

from neurova import Reject, post

from .domain import Thing

SCOPES = ["thing:write", "thing:read"]


@post("/things", scopes=SCOPES, status=201, limit="60/minute", cost=2)
async def add(thing: Thing) -> Thing:
    if thing.parts == []:
        raise Reject(409, "A thing needs parts")
    return thing
