from __future__ import annotations

from collections.abc import Callable

import pytest
from examples.replay.hotel import Row

ROW = {
    "avg_price_per_room": "252.17",
    "lead_time": "3",
    "stays_in_weekend_nights": "2",
    "stays_in_week_nights": "1",
    "adults": "2",
    "children": "1",
    "babies": "0",
    "meal": "bed_and_breakfast",
    "country": "esp",
    "market_segment": "direct",
    "distribution_channel": "ta_to",
    "reserved_room_type": "f",
    "assigned_room_type": "g",
    "agent": "not_applicable",
    "company": "not_applicable",
    "arrival_date": "2016-07-31",
}


@pytest.fixture
def row() -> Callable[..., Row]:
    """Return a function that builds a row of the file, with given fields changed."""
    return lambda **changes: {**ROW, **changes}
