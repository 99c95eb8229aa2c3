"""Which calls are sampled, and what is stored for all others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from neurova.traces.base import TraceFilter
from neurova.traces.span import SERVER, Span
from neurova_platform.composition.platform import Platform
from neurova_platform.composition.trace_stores import open_reader
from neurova_platform.settings.loading import load
from neurova_platform.testing.client import request

ID, PARENT = "1" * 32, "2" * 16
FUNCTION = """from neurova import Trace, get


@get("/{name}", public=True{options})
async def {name}_(trace: Trace) -> dict[str, str]:
    with trace.span("inner", room=3):
        return {{"parent": trace.traceparent}}
"""
FAILING = """from neurova import get


@get("/fail", public=True)
async def fail() -> None:
    raise ValueError("secret words")
"""


@asynccontextmanager
async def running(folder: Path, **flags: Any) -> AsyncIterator[Platform]:
    project = folder / "project"
    functions = project / "functions" / "f"
    functions.mkdir(parents=True)
    for name, options in (("plain", ""), ("all", ", trace=1.0"), ("none", ", trace=0.0")):
        code = FUNCTION.format(name=name, options=options)
        (functions / f"{name}_.py").write_text(code)
    (functions / "fail.py").write_text(FAILING)
    (project / "neurova.toml").touch()
    values = {name.replace("__", "."): value for name, value in flags.items()}
    settings = load(project, environ={}, flags={"project.state": str(folder / "s"), **values})
    platform = Platform(settings, environment="live")
    await platform.start()
    try:
        yield platform
    finally:
        await platform.stop()


async def call(platform: Platform, path: str, flag: int | None = None) -> tuple[str, list[Span]]:
    """Return the traceparent that the function sees, and the stored spans in order of start."""
    headers = {"host": "x"}
    if flag is not None:
        headers["traceparent"] = f"00-{ID}-{PARENT}-{flag:02x}"
    response = await request(platform.asgi, "GET", path, headers, b"")
    platform.call_records.flush()
    platform.traces.flush()
    with closing(open_reader(platform.settings)) as store:
        traces, _ = store.list(TraceFilter(), 10)
        spans = [span for each in traces for span in store.find(each.trace_id)]
    return response.json().get("parent", ""), spans


@pytest.mark.parametrize(
    ("ratio", "path", "flag", "proxies", "sampled"),
    [
        (0.0, "/plain", None, (), False),
        (1.0, "/plain", None, (), True),
        (0.0, "/all", None, (), True),
        (1.0, "/none", None, (), False),
        (0.0, "/plain", 1, (), False),
        (0.0, "/plain", 1, ("127.0.0.1/32",), True),
        (1.0, "/plain", 0, ("127.0.0.1/32",), False),
        (1.0, "/plain", None, ("127.0.0.1/32",), True),
        (0.0, "/plain", 1, ("10.0.0.0/8",), False),
    ],
)
async def test_edge_decides_once_and_functions_see_it(
    tmp_path: Path,
    ratio: float,
    path: str,
    flag: int | None,
    proxies: tuple[str, ...],
    sampled: bool,
) -> None:
    async with running(tmp_path, traces__ratio=ratio, gateway__trusted_proxies=proxies) as platform:
        parent, spans = await call(platform, path, flag)
    assert parent.endswith("-01" if sampled else "-00")
    assert flag is None or ID in parent
    assert bool(spans) is sampled
    if sampled and path == "/plain":
        root, *plugins, function, inner = spans
        assert (root.name, root.kind, root.parent_id != 0) == ("GET /plain", SERVER, bool(flag))
        assert all(each.parent_id == root.span_id for each in (*plugins, function))
        assert (inner.name, inner.attributes, inner.parent_id) == (
            "inner",
            {"room": 3},
            function.span_id,
        )
        assert parent[36:52] == f"{inner.span_id:016x}"


@pytest.mark.parametrize(
    ("path", "slow", "kept"),
    [("/plain", 60.0, []), ("/plain", 1e-9, ["GET /plain"]), ("/fail", 60.0, ["GET /fail"])],
)
async def test_failed_or_slow_call_leaves_its_root_span(
    tmp_path: Path, path: str, slow: float, kept: list[str]
) -> None:
    async with running(tmp_path, traces__ratio=0.0, traces__slow=slow) as platform:
        _, spans = await call(platform, path, 1)
    assert [each.name for each in spans] == kept
    for span in spans:
        assert span.parent_id == int(PARENT, 16)
        assert bool(span.error) is (path == "/fail")
        assert "secret" not in str(span)


@pytest.mark.parametrize(
    ("path", "names"), [("/nowhere", ["GET"]), ("/.well-known/neurova/health", [])]
)
async def test_calls_without_a_route(tmp_path: Path, path: str, names: list[str]) -> None:
    async with running(tmp_path, traces__ratio=1.0) as platform:
        _, spans = await call(platform, path)
    assert [each.name for each in spans] == names


async def test_disabled_traces_record_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, traces__enabled=False) as platform:
        parent, spans = await call(platform, "/all", 1)
        assert platform.traces.tracer.buffer is None
    assert (parent[3:35], parent[-3:], spans) == (ID, "-00", [])
