"""Large responses are compressed, with the same content, for clients that accept it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import zstandard
from tests.conftest import HttpServer
from tests.gateway.pipeline.conftest import Run
from tests.gateway.raw_http import request, statuses

from neurova.execution.thread_pool import ThreadPool, ThreadPoolFull
from neurova.http.call import Call
from neurova.http.reply import Reply
from neurova.streaming.response_stream import StreamReply
from neurova_gateway.pipeline import compression
from neurova_gateway.pipeline.compression import (
    INLINE,
    LARGE,
    CompressedReply,
    Compression,
    is_compressible,
)

TEXT = "abcdefgh" * 256
DECODERS = {b"gzip": gzip.decompress, b"br": brotli.decompress, b"zstd": zstandard.decompress}
BIG = """
    from neurova import get


    @get("/big/{size}", public=True)
    async def big(size: int) -> str:
        return "abcdefgh" * (size // 8)
    """
CACHED = BIG.replace("big", "cached").replace("public=True", 'public=True, cache="60s"')


def install(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Pretend that only these optional modules are installed."""
    monkeypatch.setattr(compression, "find_spec", lambda name: name in modules or None)


def call(accepted: str | None = "gzip", method: str = "GET") -> Call:
    fields = [] if accepted is None else [(b"accept-encoding", accepted.encode())]
    return Call(method, b"/x", b"", [(b"host", b"a"), *fields], "")


def compress(reply: Reply, accepted: str | None = "gzip") -> Reply:
    compressed = Compression()(call(accepted), reply)
    assert isinstance(compressed, Reply)
    return compressed


def fields(reply: Reply) -> dict[bytes, bytes]:
    return dict(reply.fields)


@pytest.mark.parametrize(
    ("accepted", "modules", "coding"),
    [
        *((accepted, (), b"gzip") for accepted in (
            "gzip", "GZIP", "x-gzip", "br, gzip", "gzip;q=0.1", "*", "identity;q=0.1, *",
            "gzip, identity", "*;q=0, gzip", "deflate, gzip;q=1.0",
        )),
        ("gzip, br", ("brotli",), b"br"),
        ("gzip, br;q=0.5", ("brotli",), b"gzip"),
        ("gzip, br, zstd", ("brotli", "zstandard"), b"zstd"),
        ("br", ("brotli", "zstandard"), b"br"),
    ],
)  # fmt: skip
def test_best_accepted_coding_is_used(
    monkeypatch: pytest.MonkeyPatch, accepted: str, modules: tuple[str, ...], coding: bytes
) -> None:
    install(monkeypatch, *modules)
    reply = compress(Reply(200, TEXT), accepted)
    assert fields(reply)[b"content-encoding"] == coding
    assert DECODERS[coding](reply.body).decode() == TEXT
    assert len(reply.body) < 100


@pytest.mark.parametrize(
    "accepted",
    [None, "", "br", "identity", "gzip;q=0", "*;q=0", "gzip;q=0.5, identity", "gzip;q=nonsense",
     "gzip;q=0, *"],
)  # fmt: skip
def test_identity_varies_too(monkeypatch: pytest.MonkeyPatch, accepted: str | None) -> None:
    install(monkeypatch)
    reply = compress(Reply(200, TEXT), accepted)
    assert b"content-encoding" not in fields(reply)
    assert reply.body == TEXT.encode()
    assert fields(reply)[b"vary"] == b"accept-encoding"


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        *((name, True) for name in (b"application/json", b"application/problem+json",
                                    b"text/csv; charset=utf-8", b"image/svg+xml")),
        *((name, False) for name in (b"image/png", b"application/octet-stream", b"")),
    ],
)  # fmt: skip
def test_only_compressible_types_are_compressed(content_type: bytes, expected: bool) -> None:
    assert is_compressible(content_type) is expected


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, TEXT, {"Content-Encoding": "br"}),
        Reply(206, TEXT, {"Content-Range": "bytes 0-9/99"}),
        Reply(200, TEXT, {"Cache-Control": "private, no-transform"}),
        Reply(200, TEXT.encode()),
        StreamReply(200, b"text/plain", []),
        CompressedReply.of(200, TEXT.encode(), b"text/plain", []),
    ],
)
def test_unchangeable_reply_is_sent_as_it_is(reply: Reply) -> None:
    assert compress(reply) is reply


@pytest.mark.parametrize(
    ("accepted", "etag", "sent"),
    [("gzip", b'"a"', b'W/"a"'), ("gzip", b'W/"a"', b'W/"a"'), ("identity", b'"a"', b'"a"')],
)
def test_strong_etag_becomes_weak(accepted: str, etag: bytes, sent: bytes) -> None:
    reply = Reply(200, TEXT, {"ETag": etag.decode()})
    assert fields(compress(reply, accepted))[b"etag"] == sent
    assert (reply.body, reply.fields) == (TEXT.encode(), [(b"etag", etag)])  # reply is unchanged


async def test_long_body_is_compressed_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    on_main_thread = []

    def encode(data: bytes) -> bytes:
        on_main_thread.append(threading.current_thread() is threading.main_thread())
        return data[:1]

    monkeypatch.setattr(compression, "available_codings", lambda: {b"gzip": encode})
    compressing = Compression()
    assert isinstance(compressing(call(), Reply(200, "a" * INLINE)), Reply)
    reply: Any = compressing(call(), Reply(200, "a" * (INLINE + 1)))
    assert (await reply).body == b"a"
    assert on_main_thread == [True, False]


async def test_failed_compression_sends_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise MemoryError

    class FullPool(ThreadPool):
        def run(self, *work: Any) -> Any:
            raise ThreadPoolFull

    monkeypatch.setattr(compression, "available_codings", lambda: {b"gzip": fail})
    reply: Any = Compression()(call(), Reply(200, "a" * (INLINE + 1)))
    assert len((await reply).body) == INLINE + 1
    reply = Compression(FullPool())(call(), Reply(200, "a" * (INLINE + 1)))
    assert len(reply.body) == INLINE + 1


@pytest.fixture
def big(server: HttpServer, add_function: Callable[[str, str], None]) -> HttpServer:
    add_function("big", BIG)
    add_function("cached", CACHED)
    server.platform.platform.load()
    return server


@pytest.mark.parametrize(("size", "vary"), [(LARGE, "accept-encoding"), (LARGE - 8, None)])
@pytest.mark.parametrize("accepted", ["gzip", "identity"])
async def test_304_has_vary_and_etag_of_its_200(
    big: HttpServer, size: int, vary: str | None, accepted: str
) -> None:
    headers = {"accept-encoding": accepted}
    path = f"/cached/{size}"
    etag = (await big.platform.acall("GET", path, headers=headers)).headers["etag"]
    headers["if-none-match"] = etag
    response = await big.platform.acall("GET", path, headers=headers)
    assert (response.status, response.body) == (304, b"")
    assert response.headers.get("vary") == vary
    assert response.headers["etag"] == etag
    assert "content-encoding" not in response.headers
    lines = [f"Accept-Encoding: {accepted}", f"If-None-Match: {etag}"]
    raw = await big.send(request("GET", path, *lines))
    assert statuses(raw) == [304]
    assert (b"\r\nvary: accept-encoding\r\n" in raw) is bool(vary)


@pytest.mark.parametrize("size", [LARGE - 8, LARGE, 1 << 20])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_both_entry_points_compress_alike(big: HttpServer, size: int, method: str) -> None:
    headers = {"accept-encoding": "gzip"}
    by_asgi = await big.platform.acall(method, f"/big/{size}", headers=headers)
    raw = await big.send(request(method, f"/big/{size}", "Accept-Encoding: gzip"))
    head, _, body = raw.partition(b"\r\n\r\n")
    assert body == by_asgi.body
    for name in ("content-encoding", "content-length", "vary"):
        line = f"\r\n{name}: {by_asgi.headers[name]}" if name in by_asgi.headers else ""
        assert line in head.decode()
        assert bool(line) is (f"\r\n{name}: " in head.decode())
    if method == "GET":
        is_large = size >= LARGE
        assert ("content-encoding" in by_asgi.headers) is is_large
        text = gzip.decompress(body) if is_large else body
        assert text == b"abcdefgh" * (size // 8)
        assert [record.bytes for record in big.platform.records()] == [len(body)] * 2


async def test_compression_in_thread_keeps_order(big: HttpServer) -> None:
    accepted = "Accept-Encoding: gzip"
    first = request("GET", "/big/1000000", accepted, close=False)
    response = await big.send(first + request())
    assert statuses(response) == [200] * 2
    assert response.index(b"content-encoding: gzip") < response.index(b'{"count"')


def test_compression_can_be_turned_off(run_probe: Run, add_function: Any) -> None:
    add_function("big", BIG)
    response = run_probe("compress = false").get("/big/2000", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in response.headers
    assert len(response.body) == 2000
