"""Price an item with code that makes its spans by OpenTelemetry's API."""

from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from opentelemetry import context, propagate, trace

from neurova import Trace, Tx, get

TRACER = trace.get_tracer("shop.prices")
REMOTE = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}


@get("/price/{item}", public=True)
async def price(item: str, tx: Tx, ours: Trace) -> dict[str, Any]:
    sent: dict[str, str] = {}
    outside = ours.traceparent
    with TRACER.start_as_current_span("outer", attributes={"rooms": 3, "tags": ["a", "b"]}):
        await tx.execute(sa.text("SELECT 1"))
        with ours.span("ours"), TRACER.start_as_current_span("client", kind=trace.SpanKind.CLIENT):
            propagate.inject(sent)
            with suppress(ValueError), TRACER.start_as_current_span("failing"):
                raise ValueError("name of a guest")
    with TRACER.start_as_current_span("refused") as span:
        span.set_status(trace.Status(trace.StatusCode.ERROR, "no room"))
    token = context.attach(propagate.extract(REMOTE))  # as a consumer of messages does
    TRACER.start_span("remote").end()
    context.detach(token)
    return {"sent": sent, "is restored": ours.traceparent == outside}
