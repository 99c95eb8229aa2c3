"""A refusal can be traced: its response has the trace id, its record the consumer."""

import pytest

from neurova_platform.testing.platform import TestPlatform


@pytest.mark.parametrize(
    ("rights", "status", "consumer"),
    [
        (None, 401, ""),
        ({"scopes": ["probe:secret"], "expires_in": 60}, 401, "acme"),
        ({"scopes": []}, 403, "acme"),
        ({"scopes": ["probe:secret"], "cidrs": ("192.0.2.0/24",)}, 403, "acme"),
        ({"scopes": ["probe:secret"], "limits": "1/day"}, 429, "acme"),
    ],
    ids=["no key", "expired", "no scope", "other address", "limit"],
)
def test_refusal_names_its_trace_and_its_consumer(
    probe: TestPlatform, rights: dict[str, object] | None, status: int, consumer: str
) -> None:
    key = "" if rights is None else probe.key("acme", **rights)  # type: ignore[arg-type]
    probe.clock.advance(61)
    reply = probe.get("/secret", key=key)
    while reply.status == 200:
        reply = probe.get("/secret", key=key)
    record = probe.records()[-1]
    assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json")
    assert reply.json()["instance"] == "/secret"
    assert reply.json()["trace_id"] == record.trace_id
    assert (record.status, record.consumer, bool(record.key_id)) == (
        status,
        consumer,
        bool(consumer),
    )
