"""Starlette's Request reflects the call."""

from __future__ import annotations

import asyncio

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


async def test_disconnect_is_seen_once_the_client_has_disconnected() -> None:
    call = Call("PUT", b"/", b"", [], "", b"body")
    request = make_request(call)
    assert [await request.is_disconnected() for _ in range(3)] == [False] * 3
    assert await request.body() == b"body"
    received = asyncio.ensure_future(request.receive())
    await asyncio.sleep(0)
    assert not received.done()
    call.notify_disconnect()
    assert (await received)["type"] == "http.disconnect"
    assert await make_request(call).is_disconnected()  # a retry sees it too
