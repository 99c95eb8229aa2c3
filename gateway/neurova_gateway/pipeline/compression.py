"""Large replies, compressed for callers who take that (RFC 9110, 8.4 and 12.5.3)."""

from __future__ import annotations

import zlib
from asyncio import Future, get_running_loop
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from importlib import import_module
from importlib.util import find_spec

from neurova.execution.thread_pool import POOL, ThreadPoolFull
from neurova.http.caching import Unchanged
from neurova.http.call import Call
from neurova.http.reply import Reply

LARGE = 1024  # octets from which a reply is worth it
INLINE = 8 * 1024  # octets up to which it is done on the event loop, in some 100 µs
LEVEL = 4
BODILESS = frozenset([204, 206, 304])
_GAIN = frozenset(
    b"application/" + each
    for each in (b"json", b"xml", b"javascript", b"x-ndjson", b"yaml", b"graphql", b"wasm")
)
_SPOILS = frozenset([b"content-encoding", b"content-range"])

Code = Callable[[bytes], bytes]
Outcome = tuple[bytes, BaseException | None]


def _gzip(octets: bytes) -> bytes:
    coder = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
    return coder.compress(octets) + coder.flush()


def codings() -> dict[bytes, Code]:
    """Return the codings that can be had here, the best first; gzip always, others if installed."""
    found: dict[bytes, Code] = {}
    if find_spec("zstandard"):
        found[b"zstd"] = lambda octets: import_module("zstandard").compress(octets, 3)
    if find_spec("brotli"):
        found[b"br"] = lambda octets: import_module("brotli").compress(octets, quality=4)
    return {**found, b"gzip": _gzip}


class Packed(Reply):
    """A reply that was looked at already."""

    __slots__ = ()


class Compression:
    """Compress replies of LARGE octets and more; what is longer than INLINE, in a thread."""

    def __init__(self) -> None:
        self._codings = codings()
        self._chosen = lru_cache(maxsize=256)(self._choose)

    def __call__(self, call: Call, reply: Reply) -> Reply | Awaitable[Reply]:
        """Return the reply as it is to be sent, or a future of it."""
        if type(reply) is Unchanged:
            return self._unchanged(call, reply)
        if type(reply) is not Reply or reply.status in BODILESS or _stays(reply):
            return reply
        coding = self._chosen(call.heads.get(b"accept-encoding", b""))
        if coding is None:
            return _packed(reply, reply.body, b"")
        if len(reply.body) <= INLINE:
            return _packed(reply, self._codings[coding](reply.body), coding)
        try:
            work = POOL.run(self._codings[coding], [reply.body])
        except ThreadPoolFull:
            return _packed(reply, reply.body, b"")
        packed: Future[Reply] = get_running_loop().create_future()
        work.add_done_callback(partial(_done, packed, reply, coding))
        return packed

    def _unchanged(self, call: Call, reply: Unchanged) -> Reply:
        """Return a 304 that says what its 200 would have said (RFC 9110, 15.4.5)."""
        whole = reply.whole
        if len(whole.body) < LARGE or _stays(whole):
            return reply
        coding = self._chosen(call.heads.get(b"accept-encoding", b""))
        said = _packed(reply, b"", coding or b"")
        said.fields = [each for each in said.fields if each[0] != b"content-encoding"]
        return said

    def _choose(self, accepted: bytes) -> bytes | None:
        """Return the coding that is wanted most, None for none; the best of equals."""
        wanted = _qualities(accepted)
        rest = wanted.get(b"*", 0.0)
        best = max(self._codings, key=lambda coding: wanted.get(coding, rest))
        quality = wanted.get(best, rest)
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
def gains(content_type: bytes) -> bool:
    """Tell whether a media type is one that gets smaller."""
    media = content_type.partition(b";")[0].strip().lower()
    return media in _GAIN or media.startswith(b"text/") or media.endswith((b"+json", b"+xml"))


def _stays(reply: Reply) -> bool:
    """Tell whether a reply has to be sent as it is, or may as well be."""
    if not gains(reply.content_type):
        return True
    names = {name for name, _ in reply.fields}
    return bool(names & _SPOILS) or (b"cache-control" in names and _untouchable(reply))


def _untouchable(reply: Reply) -> bool:
    said = [value for name, value in reply.fields if name == b"cache-control"]
    return any(b"no-transform" in value for value in said)


def _done(packed: Future[Reply], reply: Reply, coding: bytes, work: Future[Outcome]) -> None:
    octets, error = work.result()
    if packed.done():
        return
    if error is None:
        packed.set_result(_packed(reply, octets, coding))
    else:
        packed.set_result(_packed(reply, reply.body, b""))


def _packed(reply: Reply, body: bytes, coding: bytes) -> Reply:
    """Return the reply with another body, and what lies between told that there are several."""
    fields = [*reply.fields, (b"vary", b"accept-encoding")]
    if coding:
        fields.append((b"content-encoding", coding))
        # The octets are others: a strong tag would claim that they are not (RFC 9110, 8.8.1).
        fields = [
            (name, b"W/" + value if name == b"etag" and not value.startswith(b"W/") else value)
            for name, value in fields
        ]
    return Packed.of(reply.status, body, reply.content_type, fields)
