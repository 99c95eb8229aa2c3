"""The same call, hand-built in FastAPI: API key, limits, traces, one log line per request.

- API key: FastAPI's APIKeyHeader, SHA-256, a dict in memory, expiry, scopes; no store.
- limits: slowapi, in memory, two windows per consumer, without RateLimit fields (the default).
- traces: OpenTelemetry's FastAPI instrumentation, parent-based, 10 % sampled, a batch processor
  whose exporter drops all; without the spans for ASGI's receive and send, which cost most.
- log: loguru, one JSON line per request, also for refused ones, so in an http middleware; to a
  file, not `enqueue`d (which costs more).

Runs on uvicorn with uvloop and httptools, without uvicorn's access log.
"""

import hashlib
import os
import time
from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import APIKeyHeader
from loguru import logger
from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from pydantic import BaseModel, Field
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded

KEYS = {
    hashlib.sha256(os.environ["BENCH_KEY"].encode()).digest(): (
        "acme",
        frozenset({"quote:read"}),
        time.time() + 86_400,
    )
}
RATES = {"a": 7500, "b": 8250, "c": 9900, "d": 11950, "e": 13400, "f": 15800}


class DroppingExporter(SpanExporter):
    """Drop all spans."""

    def export(self, spans):
        """Drop the spans."""
        return SpanExportResult.SUCCESS


class Stay(BaseModel):
    """The requested stay."""

    room_type: Literal["a", "b", "c", "d", "e", "f"]
    arrival: date
    nights: Annotated[int, Field(ge=1, le=365)]
    guests: Annotated[int, Field(ge=1, le=20)]


class Quote(BaseModel):
    """The price of a stay."""

    room_type: str
    arrival: date
    nights: int
    guests: int
    rate_cents: int
    total_cents: int
    currency: str
    cancel_until: date


provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(0.1)))
provider.add_span_processor(BatchSpanProcessor(DroppingExporter()))
trace.set_tracer_provider(provider)

logger.remove()
logger.add(os.environ["BENCH_LOG"], serialize=True, format="{message}")

limiter = Limiter(key_func=lambda request: request.state.consumer)
app = FastAPI()
app.state.limiter = limiter
app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)
key_header = APIKeyHeader(name="X-API-Key", auto_error=False)


@app.middleware("http")
async def log(request: Request, call_next):
    """Write one log line for each request, even if it is refused."""
    began = time.perf_counter()
    response = await call_next(request)
    logger.bind(
        method=request.method,
        path=request.url.path,
        status=response.status_code,
        consumer=getattr(request.state, "consumer", ""),
        trace_id=f"{trace.get_current_span().get_span_context().trace_id:032x}",
        ms=round((time.perf_counter() - began) * 1e3, 3),
    ).info("call")
    return response


async def consumer(request: Request, key: Annotated[str | None, Depends(key_header)]) -> str:
    """Return the consumer of the key; refuse an invalid key, or a key without the scope."""
    found = KEYS.get(hashlib.sha256((key or "").encode()).digest())
    if found is None or found[2] < time.time():
        raise HTTPException(401, "no valid key")
    if "quote:read" not in found[1]:
        raise HTTPException(403, "the key lacks quote:read")
    request.state.consumer = found[0]
    return found[0]


@app.post("/quote")
@limiter.limit("10000000/minute;1000000000/day")
async def quote(request: Request, stay: Stay, who: Annotated[str, Depends(consumer)]) -> Quote:
    """Price a stay."""
    rate = RATES[stay.room_type]
    return Quote(
        room_type=stay.room_type,
        arrival=stay.arrival,
        nights=stay.nights,
        guests=stay.guests,
        rate_cents=rate,
        total_cents=rate * stay.nights,
        currency="EUR",
        cancel_until=stay.arrival - timedelta(days=7),
    )


FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])
