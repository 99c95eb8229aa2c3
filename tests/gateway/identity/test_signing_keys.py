"""A change of the identity key causes no refused call."""

from __future__ import annotations

import itertools

import pytest

from neurova.errors import StateError
from neurova.http.caller import Caller
from neurova_gateway.identity.signing_keys import (
    ACCEPTED_AFTER,
    SIGNS_AFTER,
    IdentityKeys,
    decode_keys,
    encode_keys,
    new_key,
)
from neurova_gateway.pipeline.identity import Identity

NOW = 1_700_000_000.0
OLD = IdentityKeys(new_key())
CHANGED = OLD.changed(NOW)
SEEN_WITHIN = 5.0  # seconds until every process has read the changed key


@pytest.mark.parametrize(
    ("after", "signs", "accepted"),
    [
        (0, OLD, 2),
        (SIGNS_AFTER - 1, OLD, 2),
        (SIGNS_AFTER, CHANGED, 2),
        (SIGNS_AFTER + ACCEPTED_AFTER - 1, CHANGED, 2),
        (SIGNS_AFTER + ACCEPTED_AFTER, CHANGED, 1),
    ],
)
def test_keys_in_force(after: float, signs: IdentityKeys, accepted: int) -> None:
    assert CHANGED.signing(NOW + after) == signs.key
    assert len(CHANGED.accepted(NOW + after)) == accepted


def test_no_call_is_refused_during_a_change() -> None:
    """Gateway and runtime read the change at different times, and their clocks differ by 50 s."""
    for second, gateway_lag, runtime_lag, skew in itertools.product(
        range(0, 300, 3), (0, SEEN_WITHIN), (0, SEEN_WITHIN), (-50.0, 0.0, 50.0)
    ):
        now = NOW + second
        signing = CHANGED if second >= gateway_lag else OLD
        verifying = CHANGED if second >= runtime_lag else OLD
        value = Identity(lambda keys=signing: keys, "live").sign("GET", b"/", Caller(), now)
        verifier = Identity(lambda keys=verifying: keys, "live")
        assert verifier.verify("GET", b"/", value.encode(), now + skew).anonymous


def test_second_change_waits_for_the_first() -> None:
    with pytest.raises(StateError, match="still in use"):
        CHANGED.changed(NOW + SIGNS_AFTER)
    again = CHANGED.changed(NOW + SIGNS_AFTER + ACCEPTED_AFTER)
    assert again.previous == CHANGED.key


@pytest.mark.parametrize("keys", [OLD, CHANGED])
def test_text_holds_the_keys(keys: IdentityKeys) -> None:
    assert decode_keys(encode_keys(keys), "x") == keys
    assert repr(keys) == "<IdentityKeys>"


@pytest.mark.parametrize("text", ["", "junk", "{}", '{"key": "c2hvcnQ="}', '{"key": 1}'])
def test_text_without_keys_is_an_error(text: str) -> None:
    with pytest.raises(StateError, match="does not hold identity keys"):
        decode_keys(text, "neurova/identity#keys")
