"""Requests, and the responses that every gateway must give."""

from __future__ import annotations

from dataclasses import dataclass, field

ALLOWED = "https://app.example"
READ = ("GET", "HEAD")


@dataclass(frozen=True)
class Case:
    """Send a request: the status is one of `statuses`, and the body contains `says`.

    `key` is "full", "reader", or "" for none; `{full}` in a field stands for that key. `headers`
    maps names to the start of their values; `missing` names headers that the response lacks.
    """

    name: str
    statuses: tuple[int, ...]
    path: str = "/items/7"
    method: str = "GET"
    key: str = "full"
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    says: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


PROBLEM = {"content-type": "application/problem+json"}
JSON = {"Content-Type": "application/json"}
CORS = {"access-control-allow-origin": ALLOWED, "vary": ""}


def refused(name: str, status: int, **options: object) -> Case:
    """Return a case whose response is problem JSON."""
    return Case(name, (status,), headers=PROBLEM, **options)  # type: ignore[arg-type]


# An ambiguous spelling of a path is refused, or matches no route.
SPELLINGS = [
    Case(f"spelling {path}", (400, 404), path=path)
    for path in (
        "//items/7", "/items//7", "/x/../items/7", "/items/./7", "/items/%2e%2e/open",
        "/items/7%2f8",
        "/items/7;a=b", "/items/%5c", "/items/%00", "/items/%c0%af", "/items/7/", "/ITEMS/7",
    )
]  # fmt: skip

CASES = [
    Case("key", (200,), says='"id":"7"'),
    Case("bearer", (200,), key="", fields={"Authorization": "Bearer {full}"}),
    Case("public without key", (200,), path="/open", key=""),
    Case("caller", (200,), path="/who", says='"scopes":["items:read","items:write"]'),
    Case("forged identity", (200,), path="/who", says='"scopes":[]', key="reader",
         fields={"X-Neurova-Identity": "forged", "X-Consumer-Username": "root"}),
    refused("no key", 401, key="", says="API key"),
    refused("junk key", 401, key="", fields={"X-API-Key": "nrv_live_junk"}),
    refused("two keys", 400, fields={"Authorization": "Bearer {full}"}),
    refused("key in query", 401, key="", path="/items/7?x-api-key={full}"),
    Case("scope held", (200, 201), path="/items", method="POST", fields=JSON,
         body=b'{"a":1}', says='"a":1'),
    refused("scope missing", 403, path="/items", method="POST", key="reader", fields=JSON,
            body=b"{}", says="items:write"),
    Case("percent escapes decode", (200,), path="/items/%37", says='"id":"7"'),
    Case("escaped letters of a literal", (200,), path="/%69tems/first", says="the first"),
    Case("literal wins over parameter", (200,), path="/items/first", says="the first"),
    Case("query goes on", (200,), path="/items/7?a=%20b&a=%C3%A9"),
    Case("head", (200,), method="HEAD"),
    Case("unknown path", (404,), path="/nothing/here", headers=PROBLEM, says="No route"),
    Case("unknown path without key", (404,), path="/nothing", key="", headers=PROBLEM),
    Case("wrong method", (405,), method="DELETE", headers=PROBLEM | {"allow": "GET, HEAD"}),
    Case("wrong method without key", (405,), method="PUT", key="", headers={"allow": "GET, HEAD"}),
    Case("method of another template", (405,), path="/items", headers={"allow": "POST"}),
    refused("malformed body", 400, path="/items", method="POST", fields=JSON, body=b"{"),
    refused("body too large", 413, path="/items", method="POST", fields=JSON, body=bytes(70_000)),
    refused("wrong media type", 415, path="/items", method="POST", body=b"a",
            fields={"Content-Type": "text/plain"}),
    Case("cors", (200,), fields={"Origin": ALLOWED}, headers=CORS),
    Case("cors of a refusal", (401,), key="", fields={"Origin": ALLOWED}, headers=CORS),
    Case("cors of another origin", (200,), fields={"Origin": "https://evil.example"},
         missing=("access-control-allow-origin",)),
    Case("preflight", (200, 204), method="OPTIONS", key="", headers={
             "access-control-allow-origin": ALLOWED,
             "access-control-allow-methods": "GET", "access-control-max-age": "600"},
         fields={"Origin": ALLOWED, "Access-Control-Request-Method": "GET"}),
    Case("preflight of another origin", (204, 200, 405), method="OPTIONS", key="",
         fields={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"},
         missing=("access-control-allow-origin",)),
    Case("stream of lines", (200,), path="/lines", fields={"Accept": "application/x-ndjson"},
         says='{"line":0}\n{"line":1}\n{"line":2}\n'),
    Case("stream of events", (200,), path="/lines", fields={"Accept": "text/event-stream"},
         headers={"content-type": "text/event-stream"}, says='data: {"line":2}'),
    *SPELLINGS,
]  # fmt: skip
