"""Convert HTTP events of AWS to calls, and responses to Lambda's result format, byte for byte.

Event sources: API Gateway HTTP API and function URL (payload version 2.0), and Application Load
Balancer with single-value or multi-value headers.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import islice, product
from typing import Any
from urllib.parse import quote

from neurova.http.addresses import UNKNOWN
from neurova.http.call import Call, Field

MAX_ANSWER = 6 << 20
"""The maximum size of a result that Lambda accepts, in bytes of JSON."""
MAX_ALB_ANSWER = 1 << 20
"""The maximum size of a result that an Application Load Balancer accepts, in bytes of JSON."""
_LONGEST_ESCAPE = 6  # bytes of JSON for one byte of text, like \u0000
_OVERHEAD = 64 << 10  # bytes of JSON around the body: the status and the header fields
_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_TEXT = (b"text/", b"application/json", b"application/problem+json")
_COOKIE = b"set-cookie"
_DEADLINE: Any = vars(Call)["deadline"]  # the descriptor of the slot, which `EventCall` overrides

Event = Mapping[str, Any]


class TooLarge(Exception):
    """A response is larger than the source of the event accepts."""


def is_alb(event: Event) -> bool:
    """Return whether an Application Load Balancer sent an event."""
    return "elb" in event["requestContext"]


def max_answer(event: Event) -> int:
    """Return the maximum size of a result for the source of an event, in bytes of JSON."""
    return MAX_ALB_ANSWER if is_alb(event) else MAX_ANSWER


class EventCall(Call):
    """A call whose deadline is at most `latest` (event-loop time), even with a longer timeout."""

    __slots__ = ("latest",)

    def __init__(self, latest: float, *parts: Any) -> None:
        self.latest = latest
        super().__init__(*parts)

    @property
    def deadline(self) -> float:
        """Return the deadline in event-loop time, at most `latest`."""
        return float(_DEADLINE.__get__(self))

    @deadline.setter
    def deadline(self, value: float) -> None:
        _DEADLINE.__set__(self, min(value, self.latest))


def read_call(event: Event, *, trusts_proxies: bool, latest: float = math.inf) -> Call:
    """Return the call of an event; its deadline is at most `latest`.

    An Application Load Balancer passes the client's address only as the last entry of
    X-Forwarded-For. Use this entry only if `trusts_proxies`; otherwise the address is unknown.
    """
    read = _read_alb if is_alb(event) else _read_payload_2
    method, path, query, fields, client, scheme = read(event)
    if is_alb(event) and trusts_proxies:
        hops = [value for name, value in fields if name == b"x-forwarded-for"]
        client = hops[-1].decode("latin-1").rpartition(",")[2].strip() if hops else UNKNOWN
    text = event.get("body") or ""
    body = b64decode(text) if event.get("isBase64Encoded") else text.encode()
    target = _encode_path(path), query.encode()
    return EventCall(latest, method.upper(), *target, fields, client, body, scheme)


def encode_answer(
    event: Event, status: int, fields: Sequence[Field], body: bytes
) -> dict[str, Any]:
    """Return a response in the result format of an event's source. Raises TooLarge."""
    text = _as_text(fields, body)
    answer: dict[str, Any] = {
        "statusCode": status,
        "body": b64encode(body).decode() if text is None else text,
        "isBase64Encoded": text is None,
    }
    if len(body) * _LONGEST_ESCAPE + _OVERHEAD > max_answer(event):
        size = len(answer["body"]) if text is None else len(json.dumps(text))
        if size + _OVERHEAD > max_answer(event):
            raise TooLarge
    if is_alb(event):
        answer["statusDescription"] = f"{status} {_phrase(status)}"
        is_multiple = "multiValueHeaders" in event
        answer |= _multiple(fields) if is_multiple else _single(fields)
    else:
        cookies = [value.decode("latin-1") for name, value in fields if name == _COOKIE]
        answer["headers"] = _joined(fields)
        if cookies:
            answer["cookies"] = cookies
    return answer


def _read_payload_2(event: Event) -> tuple[str, str, str, list[Field], str, str]:
    http = event["requestContext"]["http"]
    fields = [_field(name, value) for name, value in (event.get("headers") or {}).items()]
    if cookies := event.get("cookies"):
        fields.append(_field("cookie", "; ".join(cookies)))
    query = event.get("rawQueryString") or ""
    return http["method"], event["rawPath"], query, fields, http["sourceIp"], "https"


def _read_alb(event: Event) -> tuple[str, str, str, list[Field], str, str]:
    if "multiValueHeaders" in event:
        headers = event["multiValueHeaders"] or {}
        fields = [_field(name, value) for name in headers for value in headers[name]]
        values = event.get("multiValueQueryStringParameters") or {}
        pairs = [f"{name}={value}" for name in values for value in values[name]]
    else:
        fields = [_field(name, value) for name, value in (event.get("headers") or {}).items()]
        pairs = [f"{k}={v}" for k, v in (event.get("queryStringParameters") or {}).items()]
    scheme = dict(fields).get(b"x-forwarded-proto", b"http")
    is_secure = scheme == b"https"
    query = "&".join(pairs)  # a load balancer does not decode names and values
    return (
        event["httpMethod"],
        event["path"],
        query,
        fields,
        UNKNOWN,
        "https" if is_secure else "http",
    )


def _field(name: str, value: str) -> Field:
    try:
        raw = value.encode("latin-1")
    except UnicodeEncodeError:
        raw = value.encode()
    return name.lower().encode(), raw.strip(b" \t")


def _encode_path(path: str) -> bytes:
    """Percent-encode a path, unless it is encoded: of all sources, only API Gateway decodes it."""
    return quote(_PERCENT.sub("%25", path), safe="/%!$&'()*+,;=:@").encode()


def _as_text(fields: Sequence[Field], body: bytes) -> str | None:
    """Return a body as text, None if it must be sent in base64."""
    names = dict(fields)
    if b"content-encoding" in names or not names.get(b"content-type", b"text/").startswith(_TEXT):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _joined(fields: Sequence[Field]) -> dict[str, str]:
    """Return the fields without cookies; join the values of equal names (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in fields:
        name, value = raw_name.decode(), raw_value.decode("latin-1")
        if raw_name != _COOKIE:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _single(fields: Sequence[Field]) -> dict[str, Any]:
    """Return one value per name; spell `set-cookie` differently for each cookie to keep all."""
    headers = _joined(fields)
    cookies = [value.decode("latin-1") for name, value in fields if name == _COOKIE]
    headers |= dict(zip(islice(_spellings("set-cookie"), len(cookies)), cookies, strict=True))
    return {"headers": headers}


def _multiple(fields: Sequence[Field]) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, value in fields:
        headers.setdefault(name.decode(), []).append(value.decode("latin-1"))
    return {"multiValueHeaders": headers}


def _spellings(name: str) -> Iterator[str]:
    letters = [(each, each.upper()) if each.isalpha() else (each,) for each in name]
    return map("".join, product(*letters))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
