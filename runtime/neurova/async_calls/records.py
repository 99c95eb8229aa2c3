"""The stored data of an asynchronous call: its event, and a record of each `Kind`.

A record is stored like the response of an idempotent call and expires like it. Its key is derived
from the caller, the call id and the kind of the record, so only the caller's consumer finds it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal, get_args

from ..events.event import Event
from ..http.call import Call
from ..http.caller import ANONYMOUS, Caller
from ..traces.current import CURRENT, SpanContext

Kind = Literal["answer", "failure", "accepted"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# Header fields that the event omits: credentials, and fields that an accepted call does not need.
_DROPPED = frozenset(
    b"authorization cookie idempotency-key prefer proxy-authorization x-api-key".split()
)


class CallEvent(Event, source="_neurova"):
    """One call. Header fields are pairs; credentials are not kept."""

    id: str
    function: str
    method: str
    path: str
    query: str
    fields: list[list[str]]
    params: dict[str, str]
    body: bytes
    consumer: str
    key_id: str
    scopes: list[str]
    environment: str
    client: str
    trace_id: str

    @property
    def caller(self) -> Caller:
        """Return the caller."""
        return Caller(self.consumer, self.key_id, frozenset(self.scopes), self.environment)


def event_class(service: str) -> type[CallEvent]:
    """Return the event class for the calls of a service."""

    class AsyncCall(CallEvent, source=service):
        """A call of a function of this service."""

    return AsyncCall


def record_key(caller: Caller, id: str, kind: Kind) -> bytes:
    """Return the 32-byte key of a record."""
    names = ("async call", kind, caller.environment, caller.consumer, id)
    parts = [name.encode() for name in names]
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).digest()


def to_event(event: type[CallEvent], call: Call, id: str, function: str) -> CallEvent:
    """Return the event that represents `call`."""
    caller = call.caller or ANONYMOUS
    return event(
        id=id,
        function=function,
        method=call.method,
        path=call.raw_path.decode("latin-1"),
        query=call.query.decode("latin-1"),
        fields=[
            [name.decode("latin-1"), value.decode("latin-1")]
            for name, value in call.fields
            if name not in _DROPPED
        ],
        params=dict(call.params),
        body=bytes(call.body),
        consumer=caller.consumer,
        key_id=caller.key_id,
        scopes=sorted(caller.scopes),
        environment=caller.environment,
        client=call.client,
        trace_id=f"{call.trace_id:032x}",
    )


def to_call(event: CallEvent) -> Call:
    """Return the call that `event` represents."""
    call = Call(
        event.method,
        event.path.encode("latin-1"),
        event.query.encode("latin-1"),
        [(name.encode("latin-1"), value.encode("latin-1")) for name, value in event.fields],
        event.client,
        event.body,
    )
    call.params = dict(event.params)
    call.caller = event.caller
    call.trace_id = int(event.trace_id, 16)
    running = CURRENT.get()
    if isinstance(running, SpanContext):  # the span of the event's delivery
        call.span, call.span_id = running, running.span_id
    return call
