"""Compress large responses if the client accepts it (RFC 9110, 8.4 and 12.5.3)."""

from __future__ import annotations

import zlib
from asyncio import Future, get_running_loop
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from importlib import import_module
from importlib.util import find_spec

from neurova.execution.thread_pool import ThreadPool, ThreadPoolFull
from neurova.http.caching import NotModified
from neurova.http.call import Call
from neurova.http.reply import Reply

LARGE = 1024  # bytes; smaller bodies are not compressed
INLINE = 8 * 1024  # bytes; up to this size, compress on the event loop, in about 100 µs
LEVEL = 4
BODILESS = frozenset([204, 206, 304])
_COMPRESSIBLE = frozenset(
    b"application/" + each
    for each in (b"json", b"xml", b"javascript", b"x-ndjson", b"yaml", b"graphql", b"wasm")
)
_UNCHANGEABLE = frozenset([b"content-encoding", b"content-range"])

Encoder = Callable[[bytes], bytes]
Outcome = tuple[bytes, BaseException | None]


def _gzip(data: bytes) -> bytes:
    encoder = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
    return encoder.compress(data) + encoder.flush()


def available_codings() -> dict[bytes, Encoder]:
    """Return the encoder of each coding, best first: zstd and brotli if installed, then gzip."""
    found: dict[bytes, Encoder] = {}
    if find_spec("zstandard"):
        found[b"zstd"] = lambda data: import_module("zstandard").compress(data, 3)
    if find_spec("brotli"):
        found[b"br"] = lambda data: import_module("brotli").compress(data, quality=4)
    return {**found, b"gzip": _gzip}


class CompressedReply(Reply):
    """A reply that `Compression` has processed and must not process again."""

    __slots__ = ()


class Compression:
    """Compress replies of at least LARGE bytes; use a thread for more than INLINE bytes."""

    def __init__(self, thread_pool: ThreadPool | None = None) -> None:
        self._thread_pool = thread_pool or ThreadPool()
        self._codings = available_codings()
        codings = tuple(self._codings)
        self._cached_choice = lru_cache(maxsize=256)(partial(choose_coding, codings=codings))

    def __call__(self, call: Call, reply: Reply) -> Reply | Awaitable[Reply]:
        """Return the reply to send, or a future for it."""
        if type(reply) is NotModified:
            return self._unchanged(call, reply)
        if type(reply) is not Reply or reply.status in BODILESS or _is_unchangeable(reply):
            return reply
        coding = self._cached_choice(call.headers.get(b"accept-encoding", b""))
        if coding is None:
            return _with_body(reply, reply.body, b"")
        if len(reply.body) <= INLINE:
            return _with_body(reply, self._codings[coding](reply.body), coding)
        try:
            work = self._thread_pool.run(self._codings[coding], [reply.body])
        except ThreadPoolFull:
            return _with_body(reply, reply.body, b"")
        compressed: Future[Reply] = get_running_loop().create_future()
        work.add_done_callback(partial(_on_compressed, compressed, reply, coding))
        return compressed

    def _unchanged(self, call: Call, reply: NotModified) -> Reply:
        """Return the 304 with the same Vary and ETag as the 200 reply (RFC 9110, 15.4.5)."""
        whole = reply.whole
        if len(whole.body) < LARGE or _is_unchangeable(whole):
            return reply
        coding = self._cached_choice(call.headers.get(b"accept-encoding", b""))
        marked = _with_body(reply, b"", coding or b"")
        marked.fields = [field for field in marked.fields if field[0] != b"content-encoding"]
        return marked


def choose_coding(accepted: bytes, codings: tuple[bytes, ...]) -> bytes | None:
    """Return the first coding with the highest quality; None for identity."""
    wanted = _qualities(accepted)
    rest = wanted.get(b"*", 0.0)
    best = max(codings, key=lambda coding: wanted.get(coding, rest), default=None)
    quality = wanted.get(best, rest) if best is not None else 0.0
    return best if quality > 0 and quality >= wanted.get(b"identity", 0.0) else None


def _qualities(accepted: bytes) -> dict[bytes, float]:
    found: dict[bytes, float] = {}
    for part in accepted.lower().split(b","):
        coding, _, weight = part.partition(b";")
        name, _, value = weight.partition(b"=")
        try:
            quality = float(value) if name.strip() == b"q" else 1.0
        except ValueError:
            quality = 0.0
        found[coding.strip().removeprefix(b"x-")] = quality
    return found


@lru_cache(maxsize=256)
def is_compressible(content_type: bytes) -> bool:
    """Return whether bodies of a media type usually get smaller by compression."""
    media = content_type.partition(b";")[0].strip().lower()
    return (
        media in _COMPRESSIBLE or media.startswith(b"text/") or media.endswith((b"+json", b"+xml"))
    )


def _is_unchangeable(reply: Reply) -> bool:
    """Return whether a reply must not be compressed, or would not get smaller."""
    if not is_compressible(reply.content_type):
        return True
    names = {name for name, _ in reply.fields}
    return bool(names & _UNCHANGEABLE) or (b"cache-control" in names and _has_no_transform(reply))


def _has_no_transform(reply: Reply) -> bool:
    values = [value for name, value in reply.fields if name == b"cache-control"]
    return any(b"no-transform" in value for value in values)


def _on_compressed(
    compressed: Future[Reply], reply: Reply, coding: bytes, work: Future[Outcome]
) -> None:
    data, error = work.result()
    if compressed.done():
        return
    if error is None:
        compressed.set_result(_with_body(reply, data, coding))
    else:
        compressed.set_result(_with_body(reply, reply.body, b""))


def _with_body(reply: Reply, body: bytes, coding: bytes) -> Reply:
    """Return the reply with the given body, and with Vary for caches."""
    fields = [*reply.fields, (b"vary", b"accept-encoding")]
    if coding:
        fields.append((b"content-encoding", coding))
        # Weaken a strong ETag: it would state that the bytes are unchanged (RFC 9110, 8.8.1).
        fields = [
            (name, b"W/" + value if name == b"etag" and not value.startswith(b"W/") else value)
            for name, value in fields
        ]
    return CompressedReply.of(reply.status, body, reply.content_type, fields)
