"""Starlette's Request has the values of its call."""

from __future__ import annotations

from neurova.asgi.request import make_request
from neurova.http.call import Call


async def test_request_has_the_values_of_its_call() -> None:
    call = Call(
        "PUT",
        b"/a%20b/%C3%A9",
        b"x=1",
        [(b"host", b"shop.example:8000"), (b"cookie", b"c=2"), (b"x-a", b"3")],
        "192.0.2.1",
        b'{"a": 1}',
        "https",
    )
    call.params = {"id": "7"}
    request = make_request(call)
    assert request.method == "PUT"
    assert request.url.path == "/a b/é"
    assert str(request.base_url) == "https://shop.example:8000/"
    assert request.query_params["x"] == "1"
    assert request.headers["x-a"] == "3"
    assert request.cookies == {"c": "2"}
    assert request.path_params == {"id": "7"}
    assert request.client is not None
    assert request.client.host == "192.0.2.1"
    assert await request.json() == {"a": 1}


async def test_disconnect_follows_the_body() -> None:
    request = make_request(Call("GET", b"/", b"", [], ""))
    types = [(await request.receive())["type"] for _ in range(2)]
    assert types == ["http.request", "http.disconnect"]
