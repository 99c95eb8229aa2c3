"""Media types of requests and replies: Content-Type, Content-Encoding, Accept."""

from __future__ import annotations

from functools import lru_cache

from .call import Call

_UTF_8 = (b"utf-8", b"utf8", b"us-ascii")


@lru_cache(maxsize=256)
def is_json(content_type: bytes) -> bool:
    """Return whether a Content-Type is application/json or +json, in UTF-8."""
    media, *parameters = content_type.lower().split(b";")
    media = media.strip()
    if media != b"application/json" and not (b"/" in media and media.endswith(b"+json")):
        return False
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"charset" and value.strip().strip(b'"') not in _UTF_8:
            return False
    return True


def _parse_quality(parameters: list[bytes]) -> float:
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
    """Return the quality that an Accept field gives a media type; the most specific range wins."""
    qualities: dict[bytes, float] = {}
    for part in accept.lower().split(b","):
        name, *parameters = part.split(b";")
        if name.strip():
            qualities[name.strip()] = _parse_quality(parameters)
    for name in (media, media.partition(b"/")[0] + b"/*", b"*/*"):
        if name in qualities:
            return qualities[name]
    return 0.0 if qualities else 1.0


def choose_media_type(call: Call, offered: tuple[bytes, ...]) -> bytes | None:
    """Return the offered media type that the caller prefers, None if it accepts none."""
    accept = b",".join([value for name, value in call.fields if name == b"accept"])
    best = max(offered, key=lambda media: quality(accept, media))
    return best if quality(accept, best) > 0 else None


def wants_json(call: Call) -> bool:
    """Return whether the caller accepts JSON; a call without Accept accepts anything."""
    fields = call.fields
    if (b"accept", b"*/*") in fields:
        return True
    accept = [value for name, value in fields if name == b"accept"]
    return not accept or quality(b",".join(accept), b"application/json") > 0


def sends_json(call: Call) -> bool:
    """Return whether Content-Type is JSON; False if it is missing."""
    content_type = call.header(b"content-type")
    return content_type is not None and is_json(content_type)


def has_content_coding(call: Call) -> bool:
    """Return whether the body has a content coding, such as gzip."""
    coding = call.header(b"content-encoding")
    return coding is not None and coding.strip().lower() not in (b"", b"identity")
