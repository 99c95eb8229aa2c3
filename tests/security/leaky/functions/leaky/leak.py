"""Publish, log, print or raise with what must not be shown."""

import msgspec

from neurova import Log, Mail, Reject, Request, Tx, post

from .domain import Leaked, spellings


class Body(msgspec.Struct):
    text: str
    count: int = 0


@post("/leak/{how}")
async def leak(how: str, body: Body, request: Request, log: Log, tx: Tx, mail: Mail) -> str:
    log.info(f"called with {dict(request.headers)} {request.headers.raw}", secret=spellings())
    match how:
        case "raise":
            raise ValueError(spellings())
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
