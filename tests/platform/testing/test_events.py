"""Events in the `platform` fixture."""

from __future__ import annotations

import pytest
from tests.conftest import LETTERS, sell

from neurova_platform.testing.platform import TestPlatform


@pytest.fixture
def neurova_project() -> object:
    return LETTERS


def outcomes(platform: TestPlatform, subscription: str) -> list[str]:
    """Run the subscriptions and return the outcomes of one of them."""
    return [
        each.outcome for each in platform.run_subscriptions() if each.subscription == subscription
    ]


def test_committed_events_are_listed_before_any_subscription_runs(platform: TestPlatform) -> None:
    assert platform.events == []
    sell(platform, "tea", "milk")
    assert [each.name for each in platform.events] == ["shop.Sold", "shop.Sold"]
    assert platform.events[1].values == {"item": "milk", "buyer": "ada", "count": 1}
    sell(platform, "rum")
    assert [each.values["item"] for each in platform.events] == ["tea", "milk", "rum"]
    assert platform.admin("GET", "/v1/queues").json()["items"][0]["ready"] == 3


def test_subscriptions_run_only_when_told_and_to_the_end(platform: TestPlatform) -> None:
    sell(platform, *[f"item{number}" for number in range(60)])
    assert outcomes(platform, "mail.send") == ["handled"] * 60
    assert outcomes(platform, "mail.send") == []


def test_retry_waits_for_the_clock(platform: TestPlatform) -> None:
    sell(platform, "broken")
    assert outcomes(platform, "mail.send") == ["retry"]
    platform.clock.advance(2)
    assert outcomes(platform, "mail.send") == ["dead"]
    (letter,) = platform.dead_letters("mail.send")
    assert (letter.attempts, len(letter.failures)) == (2, 2)
    assert letter.values == {"item": "broken", "buyer": "ada", "count": 1}
    assert letter.cause.startswith("ValueError: broken cannot be sent (functions/mail/domain.py:")


def test_ordered_events_wait_behind_a_dead_one(platform: TestPlatform) -> None:
    sell(platform, "unknown", "tea")
    sell(platform, "milk", buyer="bob")
    assert sorted(outcomes(platform, "mail.count")) == ["dead", "handled", "parked"]
