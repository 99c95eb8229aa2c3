"""Publish, log, print or raise secrets."""

from typing import Annotated

import msgspec

from neurova import Log, Mail, Reject, Request, Secret, Tx, post

from .domain import Leaked, spellings


class Body(msgspec.Struct):
    text: str
    count: int = 0


Stored = Annotated[Secret, "store#token"]


@post("/leak/{how}")
async def leak(
    how: str, body: Body, request: Request, log: Log, tx: Tx, mail: Mail, stored: Stored
) -> str:
    log.info(f"called with {dict(request.headers)} {request.headers.raw}", secret=spellings())
    log.info(f"{stored} is {stored.value}", stored=stored)
    match how:
        case "raise":
            raise ValueError(f"{stored.value} {spellings()}")
        case "reject":
            raise Reject(409, spellings(), title=spellings())
        case "publish":
            tx.publish(Leaked(how))
        case "mail":
            mail.send("ann@example.com", "Hello", "text")
        case "exception":
            try:
                int(spellings())
            except ValueError:
                log.exception("failed")
    return "done"
