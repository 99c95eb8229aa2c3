"""kong.ctx.shared, kong.nginx and kong.log."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from neurova_gateway.plugins.pdk import PdkError


@pytest.mark.parametrize(
    ("value", "back"),
    [
        ("text", "text"),
        (b"\xff", b"\xff"),
        (0, 0),
        (1.5, 1.5),
        (True, True),
        ({"a": "b"}, {"a": "b"}),
        ({"a": ""}, {"a": ""}),
        ({"a": {"b": [1, ()]}}, {"a": {"b": [1, []]}}),
        ({"a": None, "b": 1}, {"b": 1}),
        ({1: "a"}, {1: "a"}),
        ({}, []),
        ([], []),
        ((1, 2), [1, 2]),
    ],
)
def test_shared_values_come_back_as_through_kong(begin: Any, value: Any, back: Any) -> None:
    kong, _ = begin()
    assert kong.ctx.shared.set("a", value) is None
    assert kong.ctx.shared.get("a") == back
    assert type(kong.ctx.shared.get("a")) is type(back)


@pytest.mark.parametrize("value", [{"a": "b"}, {"a": ["b"]}, {"a": {"b": "c"}}])
def test_shared_values_are_copies(begin: Any, value: dict[str, Any]) -> None:
    kong, _ = begin()
    kong.ctx.shared.set("a", value)
    before = deepcopy(value)
    value["x"] = "later"
    got = kong.ctx.shared.get("a")
    for inner in got.values():
        if not isinstance(inner, str):
            inner.clear()
    got["y"] = "later"
    assert kong.ctx.shared.get("a") == before


@pytest.mark.parametrize("value", [object(), {"a": object()}, [set()], 2**64, {"a": -(2**63) - 1}])
def test_shared_junk_is_refused(begin: Any, value: Any) -> None:
    kong, call = begin()
    with pytest.raises(PdkError):
        kong.ctx.shared.set("nv", value)
    with pytest.raises(PdkError):
        kong.ctx.shared.set(1, "a")
    assert call.shared == {}


def test_shared_value_ends_with_the_call(begin: Any) -> None:
    kong, _ = begin()
    kong.ctx.shared.set("nv", {"a": "b"})
    kong.ctx.shared.set("a", 1)
    kong.ctx.shared.set("a", None)
    assert kong.ctx.shared.get("a") is kong.ctx.shared.get("b") is None
    kong, _ = begin()
    assert kong.ctx.shared.get("nv") is None


@pytest.mark.parametrize(
    ("name", "value", "without_query"),
    [
        ("request", "GET /a%20\udcff?b=c HTTP/1.1", "GET / HTTP/1.1"),
        ("request_uri", "/a%20\udcff?b=c", "/"),
        ("request_method", "GET", "GET"),
        ("args", "b=c", None),
        ("remote_addr", "192.0.2.1", "192.0.2.1"),
        ("scheme", "http", "http"),
        ("http_x_a", "d", None),
        ("nonsense", None, None),
    ],
)
def test_nginx_variable(
    begin: Any, name: str, value: str | None, without_query: str | None
) -> None:
    kong, _ = begin(path=b"/a%20\xff", query=b"b=c", fields=[(b"x-a", b"d")])
    assert kong.nginx.get_var(name) == value
    kong, _ = begin()
    assert kong.nginx.get_var(name) == without_query
    with pytest.raises(PdkError):
        kong.nginx.get_var(None)


def test_log_lines_go_to_stderr_with_level(begin: Any, capsys: pytest.CaptureFixture[str]) -> None:
    kong, _ = begin()
    kong.log.err("a", 1)
    kong.log("b")
    shown = capsys.readouterr()
    assert shown.err == "[err] plugin: a1\n[notice] plugin: b\n"
    assert shown.out == ""
    with pytest.raises(AttributeError):
        kong.log.shout("c")
