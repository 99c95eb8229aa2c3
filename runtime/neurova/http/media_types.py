"""Which media types come in and go out: Content-Type, Content-Encoding, Accept."""

from __future__ import annotations

from functools import lru_cache

from .call import Call

_CHARSETS = (b"utf-8", b"utf8", b"us-ascii")


@lru_cache(maxsize=256)
def is_json(content_type: bytes) -> bool:
    """Tell whether a Content-Type is application/json or +json, in UTF-8."""
    media, *parameters = content_type.lower().split(b";")
    media = media.strip()
    if media != b"application/json" and not (b"/" in media and media.endswith(b"+json")):
        return False
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"charset" and value.strip().strip(b'"') not in _CHARSETS:
            return False
    return True


def _quality(parameters: list[bytes]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"q":
            try:
                return float(value)
            except ValueError:
                return 1.0
    return 1.0


@lru_cache(maxsize=1024)
def quality(accept: bytes, media: bytes) -> float:
    """Return how much an Accept field wants a media type; the most specific range decides."""
    found: dict[bytes, float] = {}
    for part in accept.lower().split(b","):
        name, *parameters = part.split(b";")
        if name.strip():
            found[name.strip()] = _quality(parameters)
    for name in (media, media.partition(b"/")[0] + b"/*", b"*/*"):
        if name in found:
            return found[name]
    return 0.0 if found else 1.0


def chosen(call: Call, offered: tuple[bytes, ...]) -> bytes | None:
    """Return which of the offered media types the caller wants most, the first of equals."""
    accept = b",".join([value for name, value in call.fields if name == b"accept"])
    best = max(offered, key=lambda media: quality(accept, media))
    return best if quality(accept, best) > 0 else None


def accepts_json(accept: bytes) -> bool:
    """Tell whether an Accept field leaves room for JSON."""
    return quality(accept, b"application/json") > 0


def wants_json(call: Call) -> bool:
    """Tell whether the caller takes JSON; a call without Accept takes anything."""
    fields = call.fields
    if (b"accept", b"*/*") in fields:
        return True
    accept = [value for name, value in fields if name == b"accept"]
    return not accept or accepts_json(b",".join(accept))


def sends_json(call: Call) -> bool:
    """Tell whether the body is stated to be JSON; a body without Content-Type is not."""
    content_type = call.header(b"content-type")
    return content_type is not None and is_json(content_type)


def is_coded(call: Call) -> bool:
    """Tell whether the body came compressed or otherwise coded."""
    coding = call.header(b"content-encoding")
    return coding is not None and coding.strip().lower() not in (b"", b"identity")
