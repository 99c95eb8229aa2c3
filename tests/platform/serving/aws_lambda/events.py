"""Events in AWS's formats, and a project's platform as a Lambda function."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from tests.servers.rie import LambdaFunction
from tests.verbs import Verbs

from neurova_gateway.keys.factory import open_key_store
from neurova_gateway.keys.issuer import create
from neurova_platform.testing.response import Response

Fields = Sequence[tuple[str, str]]
CLIENT = "203.0.113.9"


def payload_2(method: str, target: str, fields: Fields = (), body: bytes = b"") -> dict[str, Any]:
    """Return the event of a function URL; an HTTP API differs by its decoded `rawPath`."""
    path, _, query = target.partition("?")
    headers: dict[str, str] = {"host": "api.example"}
    for name, value in fields:
        lower = name.lower()
        headers[lower] = f"{headers[lower]},{value}" if lower in headers else value
    cookies = headers.pop("cookie", "")
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": CLIENT},
            "stage": "$default",
        },
        **_body(body),
    }
    return event | ({"cookies": cookies.split("; ")} if cookies else {})


def http_api(method: str, target: str, fields: Fields = (), body: bytes = b"") -> dict[str, Any]:
    """Return an event of API Gateway's HTTP API."""
    event = payload_2(method, target, fields, body)
    return event | {"rawPath": unquote(event["rawPath"])}


def alb(method: str, target: str, fields: Fields = (), body: bytes = b"") -> dict[str, Any]:
    """Return an event of a load balancer with single-value headers."""
    path, _, query = target.partition("?")
    added = [("host", "api.example"), ("x-forwarded-proto", "https"), *fields]
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:…"}},
        "httpMethod": method,
        "path": path,
        "queryStringParameters": dict(_pairs(query)),
        "headers": {name.lower(): value for name, value in added},
        **_body(body),
    }


def alb_multi(method: str, target: str, fields: Fields = (), body: bytes = b"") -> dict[str, Any]:
    """Return an event of a load balancer with multi-value headers."""
    event = alb(method, target, (), body)
    del event["headers"], event["queryStringParameters"]
    added = [("host", "api.example"), ("x-forwarded-proto", "https"), *fields]
    query = _pairs(target.partition("?")[2])
    values = {"multiValueHeaders": added, "multiValueQueryStringParameters": query}
    for key, pairs in values.items():
        event[key] = {}
        for name, value in pairs:
            event[key].setdefault(name, []).append(value)
    return event


def _pairs(query: str) -> list[tuple[str, str]]:
    return [(pair.partition("=")[0], pair.partition("=")[2]) for pair in query.split("&") if pair]


def _body(body: bytes) -> dict[str, Any]:
    try:
        return {"body": body.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {"body": b64encode(body).decode(), "isBase64Encoded": True}


def response_fields(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the headers that a client receives."""
    multiple = answer.get("multiValueHeaders", {})
    fields = [(name.lower(), value) for name in multiple for value in multiple[name]]
    fields += [(name.lower(), value) for name, value in answer.get("headers", {}).items()]
    return fields + [("set-cookie", value) for value in answer.get("cookies", ())]


def response_body(answer: Mapping[str, Any]) -> bytes:
    """Return the body that a client receives."""
    text = answer["body"]
    return b64decode(text, validate=True) if answer["isBase64Encoded"] else text.encode()


class LambdaPlatform(Verbs):
    """A project behind a function URL, with the interface of the `platform` fixture."""

    def __init__(self, function: LambdaFunction, keys: str) -> None:
        self.function = function
        self._store = open_key_store(keys)
        self._keys: dict[tuple[str, frozenset[str]], str] = {}

    def close(self) -> None:
        """Close the key store."""
        self._store.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        scopes: Iterable[str] | None = None,
        consumer: str = "tester",
        event: Callable[..., dict[str, Any]] = payload_2,
    ) -> Response:
        """Make one call, like `TestPlatform.call`."""
        fields = [] if json is None else [("content-type", "application/json")]
        if scopes is not None:
            fields.append(("x-api-key", self.key(consumer, frozenset(scopes))))
        answer = self.function.invoke(event(method, path, fields, encode(json)))
        headers = dict(response_fields(answer))
        return Response(answer["statusCode"], headers, response_body(answer))

    def revoke_keys(self) -> None:
        """Revoke all keys."""
        for record in self._store.records():
            self._store.revoke(record.key_id, time.time())
        self._keys.clear()

    def key(self, consumer: str, scopes: frozenset[str]) -> str:
        """Return a consumer's key with these scopes, once the function accepts it."""
        if (consumer, scopes) not in self._keys:
            made = create(self._store, consumer, "live", scopes).key
            event = payload_2("GET", "/rooms", [("x-api-key", made)])
            while self.function.invoke(event)["statusCode"] == 401:
                pass  # the function sees a new key within a second
            self._keys[consumer, scopes] = made
        return self._keys[consumer, scopes]


def encode(value: Any) -> bytes:
    """Return a value as JSON; None becomes an empty body."""
    return b"" if value is None else json.dumps(value).encode()
