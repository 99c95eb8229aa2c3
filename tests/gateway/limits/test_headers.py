from neurova_gateway.limits.base import Decision
from neurova_gateway.limits.headers import policy

WINDOWS = (("key-second", 10, 1), ("consumer-day", 1000, 86_400))


def test_refusal_resets_no_later_than_retry_after():
    fields = dict(policy(WINDOWS).fields(Decision(False, (4, 0), (1, 70_000), 30)))
    assert fields[b"retry-after"] == b"30"
    assert fields[b"ratelimit"] == b'"key-second";r=4;t=1, "consumer-day";r=0;t=30'


def test_names_are_escaped():
    fields = policy((('a"b\\c\r\nx: 100%é', 1, 1),)).fields(Decision(True, (0,), (1,), 0))
    assert dict(fields)[b"ratelimit"] == b'"a\\"b\\\\c??x: 100%?";r=0;t=1'
