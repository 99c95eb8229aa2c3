"""Cases for our two plugins, run in both hosts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

AUTH = "neurova-auth"
LIMIT = "neurova-rate-limit"

TEST = {"environment": "test"}


@dataclass
class Case:
    """Send the requests `before`, then one with `fields`; compare the last response.

    The response has this `status`, `says` in its detail, `headers`, and none of `missing`. In a
    field, `{good}` stands for the key of that name. `upstream` maps a header name to the values
    that the upstream receives, or [] for none.
    """

    name: str
    status: int
    fields: list[tuple[str, str]] = field(default_factory=list)
    says: str = ""
    auth: dict[str, Any] | None = field(default_factory=dict)
    limit: dict[str, Any] | None = None
    before: list[list[tuple[str, str]]] = field(default_factory=list)
    headers: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    upstream: dict[str, list[str]] = field(default_factory=dict)
    client: str = "127.0.0.1"

    def settings(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the plugins' settings in reverse order: plugins run by priority."""
        chosen: list[tuple[str, dict[str, Any]]] = []
        if self.limit is not None:
            chosen.append((LIMIT, {"route": self.name, **self.limit}))
        if self.auth is not None:
            chosen.append((AUTH, TEST | self.auth))
        return chosen


KEY = [("X-API-Key", "{good}")]
FREE = [("X-API-Key", "{free}")]
LIMITED = [("X-API-Key", "{limited}")]
MONTHLY = [("X-API-Key", "{monthly}")]
CHALLENGED = ("www-authenticate",)
LEFT = ("ratelimit", "ratelimit-policy")
PUBLIC = {"public": True}
CONSUMER_HEADERS = {"consumer_headers": True}
FORGED = [
    ("X-Consumer-ID", "root"), ("X-Consumer-Username", "root"), ("x-consumer-custom-id", "root"),
    ("X-CONSUMER-SCOPES", "all"), ("X-Consumer-Groups", "admin"),
    ("X-Credential-Identifier", "root"), ("X-Anonymous-Consumer", "true"),
    ("X-Authenticated-Userid", "root"), ("X-Neurova-Identity", "forged"),
    ("X_Consumer_Username", "root"), ("x-consumer_custom-id", "root"),
    ("X_Neurova_Identity", "forged"),
]  # fmt: skip
BLANKED = {
    "x-consumer-id", "x-consumer-username", "x-consumer-custom-id", "x-consumer-scopes",
    "x-credential-identifier",
}  # fmt: skip
REMOVED: dict[str, list[str]] = {name.lower(): [] for name, _ in FORGED}

CASES = [
    Case("key-passes", 200, KEY, missing=LEFT),
    Case("bearer-passes", 200, [("Authorization", "Bearer {good}")]),
    Case("scheme-in-any-case", 200, [("Authorization", "bEARER   {good} ")]),
    Case("blanks-around-key", 200, [("X-API-Key", " {good}\t")]),
    Case("scopes-held", 200, KEY, auth={"scopes": ["a:read", "a:write"]}),
    Case("no-key", 401, says="X-API-Key", headers=CHALLENGED),
    Case("key-in-query-alone", 401, [("Referer", "/?x-api-key={good}")], says="X-API-Key"),
    Case("two-values", 400, [*KEY, ("X-API-Key", "{reader}")], says="More than one"),
    Case("same-key-twice", 400, [*KEY, *KEY], says="More than one"),
    Case("both-headers", 400, [*KEY, ("Authorization", "Bearer {good}")], says="More than one"),
    Case("two-bearers", 400, [("Authorization", "Bearer {good}")] * 2, says="More than one"),
    Case("key-and-basic", 400, [*KEY, ("Authorization", "Basic YTpi")], says="More than one"),
    Case("basic-alone", 401, [("Authorization", "Basic YTpi")], says="Bearer"),
    Case("empty-key", 401, [("X-API-Key", "")], says="malformed", headers=CHALLENGED),
    Case("junk-key", 401, [("X-API-Key", "nrv_test_junk")], says="malformed"),
    Case("typo", 401, [("X-API-Key", "{good}x")], says="malformed"),
    Case("joined-keys", 401, [("X-API-Key", "{good}, {reader}")], says="malformed"),
    Case("bad-byte", 401, [("X-API-Key", "{good}\udcff")], says="malformed"),
    Case("bad-byte-elsewhere", 200, [*KEY, ("X-Name", "caf\udce9")]),
    Case("other-script", 401, [("X-API-Key", "ключ")], says="malformed"),
    Case("unknown-key", 401, [("X-API-Key", "{unknown}")], says="Unknown key"),
    Case("expired", 401, [("X-API-Key", "{expired}")], says="expired"),
    Case("revoked", 401, [("X-API-Key", "{revoked}")], says="revoked"),
    Case("live-key-where-test", 401, [("X-API-Key", "{live}")], says="only test keys"),
    Case("test-key-where-live", 401, KEY, auth={"environment": "live"}, says="only live keys"),
    Case("missing-scope", 403, [("X-API-Key", "{reader}")], headers=CHALLENGED,
         auth={"scopes": ["a:read", "a:write", "b:read"]}, says="a:write, b:read"),
    Case("outside-cidrs", 403, [("X-API-Key", "{bound}")], says="address"),
    Case("inside-cidrs", 200, [("X-API-Key", "{bound}")], client="10.1.2.3"),
    Case("inside-mapped", 200, [("X-API-Key", "{bound}")], client="::ffff:10.1.2.3"),
    Case("inside-v6", 200, [("X-API-Key", "{bound}")], client="2001:db8::7"),
    Case("no-address", 403, [("X-API-Key", "{bound}")], client="unix:"),
    Case("public-without-key", 200, auth=PUBLIC),
    Case("public-ignores-junk", 200, [("X-API-Key", "junk")], auth=PUBLIC),
    Case("public-ignores-two", 200, [*KEY, *KEY], auth=PUBLIC),
    Case("forged-consumer", 200, [*KEY, *FORGED], upstream=REMOVED),
    Case("forged-consumer-twice", 200, [*FORGED, *KEY, *FORGED], upstream=REMOVED),
    Case("forged-consumer-public", 200, FORGED, auth=PUBLIC, upstream=REMOVED),
    Case("forged-behind-many", 200, [*KEY, *[("X-Fill", "")] * 99, *FORGED],
         upstream=REMOVED | {"x-fill": [""] * 99}),
    Case("other-names-go-on", 200, [*KEY, ("X-Consumer", "a")], upstream={"x-consumer": ["a"]}),
    Case("consumer-headers", 200, [*KEY, *FORGED], auth=CONSUMER_HEADERS, upstream=REMOVED | {
        "x-consumer-id": ["f86dc037-1462-5958-ab6c-78d8c76b1192"],
        "x-consumer-username": ["consumer-good"],
        "x-consumer-custom-id": ["consumer-good"],
        "x-credential-identifier": ["id-good"],
        "x-consumer-scopes": ["a:read a:write"],
    }),
    Case("anonymous-blanked", 200, FORGED, auth=PUBLIC | CONSUMER_HEADERS,
         upstream={name: [""] if name in BLANKED else [] for name in REMOVED}),
    Case("limit-left", 200, KEY, limit={"limit": "2/hour"}, before=[KEY], headers=LEFT),
    Case("limit-exceeded", 429, KEY, limit={"limit": "2/hour"}, before=[KEY, KEY],
         says="Rate limit exceeded", headers=("retry-after", *LEFT)),
    Case("limit-by-consumer", 200, KEY, limit={"limit": "1/hour"}, before=[FREE]),
    Case("cost-counts", 429, KEY, limit={"limit": "5/hour", "cost": 3}, before=[KEY]),
    Case("no-limit-anywhere", 200, FREE, limit={}, missing=LEFT),
    Case("key-limit", 429, LIMITED, limit={}, before=[LIMITED] * 2, headers=LEFT),
    Case("consumer-limit-over-keys", 429, [("X-API-Key", "{shared-2}")], limit={},
         before=[[("X-API-Key", "{shared-1}")]] * 2 + [[("X-API-Key", "{shared-2}")]]),
    Case("default-consumer-limit", 429, FREE, limit={"consumer_limit": "1/day"}, before=[FREE]),
    Case("quota", 429, MONTHLY, limit={}, before=[MONTHLY]),
    Case("public-by-address", 429, auth=PUBLIC, limit={"limit": "1/hour"}, before=[[]]),
    Case("refused-is-not-counted", 401, limit={"limit": "1/hour"}, before=[[]], missing=LEFT),
    # The limit counts the call before the guard refuses it for its unknown caller.
    Case("limit-alone-is-guarded", 503, auth=None, limit={"limit": "2/hour"}),
    Case("limit-alone-counts", 429, auth=None, limit={"limit": "1/hour"}, before=[[]]),
]  # fmt: skip
