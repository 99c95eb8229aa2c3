"""Spans created through OpenTelemetry's API are part of the platform's traces."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from opentelemetry import trace
from tests.conftest import LIBRARIES

from neurova.traces.base import TraceFilter
from neurova.traces.span import CLIENT, INTERNAL, Span
from neurova_platform.composition.platform import Platform
from neurova_platform.composition.trace_stores import open_reader
from neurova_platform.settings.loading import load
from neurova_platform.testing.client import request

REMOTE = "a" * 32
OUTSIDE = trace.get_tracer("outside")


async def call(state: Path, ratio: float) -> tuple[dict[str, str], dict[str, dict[str, Span]]]:
    """Return the headers that the function sends, and the stored spans by trace and name."""
    flags = {"project.state": str(state), "traces.ratio": ratio, "traces.slow": 60.0}
    platform = Platform(load(LIBRARIES, environ={}, flags=flags), environment="live")
    await platform.start()
    try:
        reply = await request(platform.asgi, "GET", "/price/tea", {"host": "x"}, b"")
        OUTSIDE.start_span("outside").end()
        platform.call_records.flush()
    finally:
        await platform.stop()
    OUTSIDE.start_span("after the stop").end()
    with closing(open_reader(platform.settings)) as store:
        found = [each.trace_id for each in store.list(TraceFilter(), 10)[0]]
        traces = {id: {span.name: span for span in store.find(id)} for id in found}
    assert reply.json()["is restored"]
    return reply.json()["sent"], traces


async def test_spans_of_libraries_join_the_trace_of_a_call(tmp_path: Path) -> None:
    sent, traces = await call(tmp_path, 1.0)
    _, trace_id, span_id, flags = sent["traceparent"].split("-")
    spans = traces.pop(trace_id)
    parents = {
        "outer": "shop.price",
        "SELECT": "outer",
        "ours": "outer",
        "client": "ours",
        "failing": "client",
        "refused": "shop.price",
    }
    assert {name: spans[name].parent_id for name in parents} == {
        name: spans[parent].span_id for name, parent in parents.items()
    }
    assert (span_id, flags) == (f"{spans['client'].span_id:016x}", "01")
    assert (spans["outer"].kind, spans["client"].kind) == (INTERNAL, CLIENT)
    scope = {"otel.scope.name": "shop.prices"}
    assert spans["outer"].attributes == scope | {"rooms": 3, "tags": "('a', 'b')"}
    assert spans["failing"].attributes == scope | {"error.type": "ValueError"}
    errors = {name: each.error for name, each in spans.items() if each.error}
    assert errors == {"failing": "ValueError", "refused": "no room"}
    assert spans["outer"].start <= spans["ours"].start < spans["ours"].end <= spans["outer"].end
    remote = traces.pop(REMOTE)["remote"]
    assert f"{remote.parent_id:016x}" == "b" * 16
    (outside,) = traces.values()
    assert list(outside) == ["outside"]
    assert outside["outside"].parent_id == 0


async def test_unsampled_call_has_no_spans_of_libraries(tmp_path: Path) -> None:
    """A sampled flag in a message that the function reads does not change this."""
    sent, traces = await call(tmp_path, 0.0)
    assert sent["traceparent"].endswith("-00")
    assert traces == {}


SERVE = """
import asyncio, json, sys
from pathlib import Path
from neurova_platform.composition.platform import Platform
from neurova_platform.settings.loading import load
from neurova_platform.testing.client import request

async def main():
    platform = Platform(load(Path(sys.argv[1]), environ={}), environment="live")
    await platform.start()
    reply = await request(platform.asgi, "GET", "/spans", {"host": "x"}, b"")
    await platform.stop()
    print(reply.text)

asyncio.run(main())
"""
OWN = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from neurova import get

trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(KEPT := InMemorySpanExporter()))

@get("/spans", public=True)
async def spans() -> list[object]:
    trace.get_tracer("own").start_span("one").end()
    return [[each.name, each.parent] for each in KEPT.get_finished_spans()]
"""
LATE = """
from neurova import get

@get("/spans", public=True)
async def spans() -> list[object]:
    from opentelemetry import trace
    with trace.get_tracer("late").start_as_current_span("one"):
        return []
"""


@pytest.mark.server
@pytest.mark.parametrize(
    ("function", "kept", "names"), [(OWN, [["one", None]], set()), (LATE, [], {"one"})]
)
def test_provider_of_the_project_is_kept(
    tmp_path: Path, function: str, kept: list[object], names: set[str]
) -> None:
    """Run in another process; if the project sets no provider, the platform's one is used."""
    service = tmp_path / "functions" / "shop"
    service.mkdir(parents=True)
    (service / "spans.py").write_text(function)
    (tmp_path / "neurova.toml").write_text("[traces]\nratio = 1.0\n")
    command = [sys.executable, "-W", "error", "-c", SERVE, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert (json.loads(done.stdout), done.stderr) == (kept, "")
    with closing(open_reader(load(tmp_path, environ={}))) as store:
        (trace_id,) = (each.trace_id for each in store.list(TraceFilter(), 10)[0])
        assert {each.name for each in store.find(trace_id)} & {"one"} == names
