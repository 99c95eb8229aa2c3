"""kong.response: the reply to the client."""

from __future__ import annotations

from _thread import get_ident
from typing import NoReturn

import msgspec

from neurova.http.call import Field
from neurova.http.reply import JSON, Reply

from .phase import Exit, PdkError, Phase
from .values import copy_plain, encode, encode_fields, field_name, get_first, group_fields


class Response:
    """Reply to the call, or add header fields to its reply."""

    __slots__ = ("_phase",)

    def __init__(self, phase: Phase) -> None:
        self._phase = phase

    def exit(self, status: int, body: object = None, headers: object = None) -> NoReturn:
        """Reply with `status` and end the plugin; only the first exit of a call takes effect.

        `body` is text, bytes or a table, which is sent as JSON; `headers` is a dict. Anything else
        raises PdkError, and the call is refused.
        """
        phase = self._phase
        if phase.thread != get_ident() or phase.logging:
            phase.refuse_change()
        phase.reply = reply = create_reply(status, body, headers)
        sent = phase.call.reply_fields
        if sent:  # keep the fields set earlier, except those that this reply sets again
            names = {name for name, _ in reply.fields}
            if reply.content_type:
                names.add(b"content-type")
            _drop(sent, names)
        phase.thread = 0
        raise Exit

    def set_header(self, name: str, value: object) -> None:
        """Set a header field of the reply; it replaces all fields of the same name."""
        self.set_headers({name: value})

    def set_headers(self, headers: object) -> None:
        """Set header fields of the reply; each one replaces all fields of the same name."""
        phase = self._phase
        if phase.thread != get_ident() or phase.logging:
            phase.refuse_change()
        added = encode_fields(headers)
        sent = phase.call.reply_fields
        if sent:
            _drop(sent, {name for name, _ in added})
        sent += added

    def add_header(self, name: str, value: object) -> None:
        """Add a header field to the reply; fields of the same name are kept."""
        self._reply_fields(changing=True).extend(encode_fields({name: value}))

    def clear_header(self, name: str) -> None:
        """Remove the fields named `name` that plugins have set."""
        _drop(self._reply_fields(changing=True), {field_name(name)})

    def get_header(self, name: str) -> str | None:
        """Return the first value of a field of the reply."""
        return get_first(dict(reversed(self._reply_fields())), name)

    def get_headers(self, max_headers: int = 100) -> dict[str, list[str]]:
        """Return the fields of the reply."""
        return group_fields(self._reply_fields(), max_headers)

    def get_status(self) -> int:
        """Return the status of the reply, 200 if there is no reply yet."""
        self._reply_fields()
        return 200 if self._phase.reply is None else self._phase.reply.status

    def _reply_fields(self, *, changing: bool = False) -> list[Field]:
        phase = self._phase
        if phase.thread != get_ident() or (changing and phase.logging):
            phase.refuse_change()
        if phase.reply is None:
            return phase.call.reply_fields
        typed = [(b"content-type", phase.reply.content_type)] if phase.reply.content_type else []
        return [*typed, *phase.reply.fields, *phase.call.reply_fields]


def _drop(sent: list[Field], names: set[bytes]) -> None:
    sent[:] = [field for field in sent if field[0] not in names]


def create_reply(status: object, body: object = None, headers: object = None) -> Reply:
    """Return the reply for the arguments of `exit`. Raises PdkError for bad arguments."""
    if type(status) is not int or not 200 <= status <= 599:
        raise PdkError("exit: the status must be an integer from 200 to 599")
    content_type = b""
    if body is None or isinstance(body, str | bytes):
        sent = body if isinstance(body, bytes) else encode(body or "")
    elif isinstance(body, dict | list | tuple):
        content_type = JSON
        try:
            sent = msgspec.json.encode(copy_plain(body))
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            raise PdkError("exit: the body has text that JSON cannot represent") from error
    else:
        raise PdkError("exit: the body must be text, bytes or a table")
    found: list[Field] = []
    for name, value in encode_fields({} if headers is None else headers):
        if name == b"content-type":
            content_type = value
        else:
            found.append((name, value))
    return Reply.of(status, sent, content_type, found)
