"""Large replies are sent compressed to who takes that, and mean the same."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from typing import Any

import pytest
from tests.gateway.octets import request, statuses

from neurova.execution.thread_pool import ThreadPoolFull
from neurova.http.call import Call
from neurova.http.problem import problem
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
BIG = """
from neurova import Reply, get


@get("/big/{size}", public=True)
async def big(size: int) -> str:
    return "abcdefgh" * (size // 8)
"""


def call(accepted: str | None = "gzip", method: str = "GET") -> Call:
    fields = [] if accepted is None else [(b"accept-encoding", accepted.encode())]
    return Call(method, b"/x", b"", [(b"host", b"a"), *fields], "")


def packed(reply: Reply, accepted: str | None = "gzip") -> Reply:
    made = Compression()
    made._codings = {b"gzip": made._codings[b"gzip"]}  # the one that is always there
    answer = made(call(accepted), reply)
    assert isinstance(answer, Reply)
    return answer


def fields(reply: Reply) -> dict[bytes, bytes]:
    return dict(reply.fields)


@pytest.mark.parametrize(
    "accepted",
    ["gzip", "GZIP", "x-gzip", "br, gzip", "gzip;q=0.1", "*", "identity;q=0.1, *", "gzip, identity",
     "*;q=0, gzip", "deflate, gzip;q=1.0"],
)  # fmt: skip
def test_who_takes_gzip_gets_it(accepted: str) -> None:
    reply = packed(Reply(200, TEXT), accepted)
    assert fields(reply)[b"content-encoding"] == b"gzip"
    assert gzip.decompress(reply.body).decode() == TEXT
    assert len(reply.body) < 100


@pytest.mark.parametrize(
    "accepted",
    [None, "", "br", "identity", "gzip;q=0", "*;q=0", "gzip;q=0.5, identity", "gzip;q=nonsense",
     "gzip;q=0, *"],
)  # fmt: skip
def test_who_does_not_gets_it_as_it_is(accepted: str | None) -> None:
    reply = packed(Reply(200, TEXT), accepted)
    assert b"content-encoding" not in fields(reply)
    assert reply.body == TEXT.encode()
    assert fields(reply)[b"vary"] == b"accept-encoding"  # what is kept is not for everybody


def test_other_codings_are_what_they_say() -> None:
    import brotli
    import zstandard

    made = Compression()
    assert list(made._codings) == [b"zstd", b"br", b"gzip"]
    for coding, decode in ((b"zstd", zstandard.decompress), (b"br", brotli.decompress)):
        reply: Any = made(call(coding.decode()), Reply(200, TEXT))
        assert fields(reply)[b"content-encoding"] == coding
        assert decode(reply.body).decode() == TEXT


def test_the_best_of_what_is_installed_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "find_spec", lambda name: name == "brotli")
    made = Compression()
    assert list(made._codings) == [b"br", b"gzip"]
    assert made._cached_choice(b"gzip, br") == b"br"
    assert made._cached_choice(b"gzip, br;q=0.5") == b"gzip"
    monkeypatch.setattr(compression, "find_spec", lambda name: None)
    assert list(Compression()._codings) == [b"gzip"]


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (b"application/json", True),
        (b"application/problem+json", True),
        (b"text/csv; charset=utf-8", True),
        (b"image/svg+xml", True),
        (b"image/png", False),
        (b"application/octet-stream", False),
        (b"application/zip", False),
        (b"", False),
    ],
)
def test_only_what_gets_smaller_is_compressed(content_type: bytes, expected: bool) -> None:
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
def test_what_must_stay_as_it_is_does(reply: Reply) -> None:
    assert packed(reply) is reply


def test_a_strong_tag_becomes_a_weak_one() -> None:
    assert fields(packed(Reply(200, TEXT, {"ETag": '"a"'})))[b"etag"] == b'W/"a"'
    assert fields(packed(Reply(200, TEXT, {"ETag": 'W/"a"'})))[b"etag"] == b'W/"a"'
    assert fields(packed(Reply(200, TEXT, {"ETag": '"a"'}), "br"))[b"etag"] == b'"a"'


def test_a_reply_that_a_function_keeps_is_not_changed() -> None:
    reply = Reply(200, TEXT, {"x-a": "1"})
    packed(reply)
    assert (reply.body, reply.fields) == (TEXT.encode(), [(b"x-a", b"1")])


def test_a_refusal_that_names_many_faults_is_compressed_too() -> None:
    assert fields(packed(problem(None, 422, TEXT)))[b"content-encoding"] == b"gzip"


def test_what_takes_long_is_done_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    made, seen = Compression(), []

    def code(octets: bytes) -> bytes:
        seen.append(threading.current_thread() is threading.main_thread())
        return octets[:1]

    made._codings = {b"gzip": code}

    async def test() -> None:
        assert isinstance(made(call(), Reply(200, "a" * INLINE)), Reply)
        answer: Any = made(call(), Reply(200, "a" * (INLINE + 1)))
        assert (await answer).body == b"a"
        assert seen == [True, False]

        def fail(octets: bytes) -> bytes:
            raise MemoryError

        made._codings[b"gzip"] = fail
        answer = made(call(), Reply(200, "a" * (INLINE + 1)))
        assert len((await answer).body) == INLINE + 1

        class Taken:
            def run(self, *work: Any) -> Any:
                raise ThreadPoolFull

        monkeypatch.setattr(made, "_thread_pool", Taken())
        whole: Any = made(call(), Reply(200, "a" * (INLINE + 1)))
        assert len(whole.body) == INLINE + 1

    asyncio.run(test())


def test_what_is_unchanged_varies_as_what_it_stands_for(door: Any, probe_project: Any) -> None:
    source = BIG.replace("public=True", 'public=True, cache="60s"')
    (probe_project / "functions" / "probe" / "big.py").write_text(source)
    door.platform.platform.load()
    for size, varies in ((LARGE, "accept-encoding"), (LARGE - 8, None)):
        for accepted in ("gzip", "identity"):
            headers = {"accept-encoding": accepted}
            tag = door.platform.get(f"/big/{size}", headers=headers).headers["etag"]
            answer = door.platform.get(f"/big/{size}", headers={**headers, "if-none-match": tag})
            assert (answer.status, answer.body) == (304, b"")
            assert answer.headers.get("vary") == varies
            assert answer.headers["etag"] == tag
            assert "content-encoding" not in answer.headers
            lines = [f"Accept-Encoding: {accepted}", f"If-None-Match: {tag}"]
            octets = door.exchange(request("GET", f"/big/{size}", *lines))
            assert statuses(octets) == [304]
            assert (b"\r\nvary: accept-encoding\r\n" in octets) is bool(varies)


@pytest.fixture
def big(door: Any, probe_project: Any) -> Any:
    (probe_project / "functions" / "probe" / "big.py").write_text(BIG)
    door.platform.platform.load()
    return door


@pytest.mark.parametrize("size", [8, LARGE - 8, LARGE, INLINE, 1 << 20])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_both_doors_send_the_same(big: Any, size: int, method: str) -> None:
    headers = {"accept-encoding": "gzip"}
    answer = big.platform.call(method, f"/big/{size}", headers=headers)
    octets = big.exchange(request(method, f"/big/{size}", "Accept-Encoding: gzip"))
    head, _, body = octets.partition(b"\r\n\r\n")
    assert body == answer.body
    for name in ("content-encoding", "content-length", "vary"):
        line = f"\r\n{name}: {answer.headers[name]}" if name in answer.headers else ""
        assert line in head.decode()
        assert bool(line) is (f"\r\n{name}: " in head.decode())
    if method == "GET":
        large = size >= LARGE
        assert ("content-encoding" in answer.headers) is large
        text = gzip.decompress(body) if large else body
        assert text == b"abcdefgh" * (size // 8)


def test_replies_keep_their_order_though_one_is_compressed_elsewhere(big: Any) -> None:
    accepted = "Accept-Encoding: gzip"
    calls = [
        request("GET", "/big/1000000", accepted, close=False),
        request("GET", "/count", close=False),
        request("GET", "/big/2000", accepted, close=False),
        request("GET", "/count"),
    ]
    answer = big.exchange(b"".join(calls))
    assert statuses(answer) == [200] * 4
    places = [answer.index(b"content-encoding: gzip"), answer.index(b'{"count"')]
    assert places == sorted(places)


def test_the_access_record_counts_what_was_sent(big: Any) -> None:
    octets = big.exchange(request("GET", "/big/100000", "Accept-Encoding: gzip"))
    assert big.platform.records()[0].bytes == len(octets.partition(b"\r\n\r\n")[2])


def test_an_operator_may_leave_it_to_others(probe_project: Any, tmp_path: Any) -> None:
    from neurova_platform.testing.platform import TestPlatform

    (probe_project / "functions" / "probe" / "big.py").write_text(BIG)
    (probe_project / "neurova.toml").write_text("[gateway]\ncompress = false\n")
    (tmp_path / "databases").mkdir()
    with TestPlatform(probe_project, tmp_path / "state", tmp_path / "databases") as running:
        answer = running.get("/big/2000", headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in answer.headers
        assert len(answer.body) == 2000


def test_a_document_that_clients_read_is_json_again(big: Any) -> None:
    answer = big.platform.get("/openapi.json", headers={"accept-encoding": "gzip"})
    assert json.loads(gzip.decompress(answer.body))["openapi"].startswith("3.1")
