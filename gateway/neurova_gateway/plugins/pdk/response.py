"""kong.response: what the client is answered."""

from __future__ import annotations

from _thread import get_ident
from typing import NoReturn

import msgspec

from neurova.http.call import Field
from neurova.http.reply import JSON, Reply

from .phase import Exit, PdkError, Phase
from .values import field_name, fields, first, grouped, plain, raw


class Response:
    """Answer the call, or add header fields to whatever answers it."""

    __slots__ = ("_phase",)

    def __init__(self, phase: Phase) -> None:
        self._phase = phase

    def exit(self, status: int, body: object = None, headers: object = None) -> NoReturn:
        """Answer with that status, and leave the plugin; the first exit of a call stands.

        `body` is text, bytes or a table, which is sent as JSON; `headers` a dict of names and
        values. Raises PdkError for anything else: the call is then refused.
        """
        phase = self._phase
        if phase.thread != get_ident() or phase.logging:
            phase.closed()
        phase.reply = reply = answer(status, body, headers)
        sent = phase.call.reply_fields
        if sent:  # by earlier calls: each of these fields takes the place of those
            names = {name for name, _ in reply.fields}
            if reply.content_type:
                names.add(b"content-type")
            _drop(sent, names)
        phase.thread = 0
        raise Exit

    def set_header(self, name: str, value: object) -> None:
        """Send that header field with the reply, in place of others of its name."""
        self.set_headers({name: value})

    def set_headers(self, headers: object) -> None:
        """Send these header fields with the reply, each in place of others of its name."""
        phase = self._phase
        if phase.thread != get_ident() or phase.logging:
            phase.closed()
        added = fields(headers)
        sent = phase.call.reply_fields
        if sent:
            _drop(sent, {name for name, _ in added})
        sent += added

    def add_header(self, name: str, value: object) -> None:
        """Send that header field with the reply, beside others of its name."""
        self._sent(changing=True).extend(fields({name: value}))

    def clear_header(self, name: str) -> None:
        """Do not send what was set under that name."""
        _drop(self._sent(changing=True), {field_name(name)})

    def get_header(self, name: str) -> str | None:
        """Return the first value of a field that the reply will carry, or in log did."""
        return first(dict(reversed(self._sent())), name)

    def get_headers(self, max_headers: int = 100) -> dict[str, list[str]]:
        """Return the fields that the reply will carry, or in log did."""
        return grouped(self._sent(), max_headers)

    def get_status(self) -> int:
        """Return the status that was sent: 200 before."""
        self._sent()
        return 200 if self._phase.reply is None else self._phase.reply.status

    def _sent(self, *, changing: bool = False) -> list[Field]:
        phase = self._phase
        if phase.thread != get_ident() or (changing and phase.logging):
            phase.closed()
        if phase.reply is None:
            return phase.call.reply_fields
        typed = [(b"content-type", phase.reply.content_type)] if phase.reply.content_type else []
        return [*typed, *phase.reply.fields, *phase.call.reply_fields]


def _drop(sent: list[Field], names: set[bytes]) -> None:
    sent[:] = [field for field in sent if field[0] not in names]


def answer(status: object, body: object = None, headers: object = None) -> Reply:
    """Return the reply that the arguments of `exit` describe; raises PdkError if they do not."""
    if type(status) is not int or not 200 <= status <= 599:
        raise PdkError("exit: the status is a number from 200 to 599")
    content_type = b""
    if body is None or isinstance(body, str | bytes):
        sent = body if isinstance(body, bytes) else raw(body or "")
    elif isinstance(body, dict | list | tuple):
        content_type = JSON
        try:
            sent = msgspec.json.encode(plain(body))
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            raise PdkError("exit: the body has text that JSON cannot hold") from error
    else:
        raise PdkError("exit: the body is text, bytes or a table")
    found: list[Field] = []
    for name, value in fields({} if headers is None else headers):
        if name == b"content-type":
            content_type = value
        else:
            found.append((name, value))
    return Reply.of(status, sent, content_type, found)
