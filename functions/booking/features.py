"""The features from which the model `price-advice` predicts the rate of a stay."""

import math
from datetime import date
from typing import Any

MODEL = "price-advice@champion"

# The mean rate of each month, in euros, in the year before the bookings that the model learns from
# (July 2015 to June 2016). It carries the season into months that those bookings do not cover.
SEASON = (46.9, 51.6, 56.2, 68.3, 74.2, 99.1, 129.6, 155.0, 88.1, 58.1, 49.5, 62.9)
_MONTH_DAYS = 30.4
_MIDDLE = 15  # the day of a month that has its mean rate


def features_of(stay: Any, lead_time: int) -> dict[str, str | float]:
    """Return the features of a stay that is booked `lead_time` days before its arrival.

    `stay` is a NewBooking, or anything with these fields of it.
    """
    return {
        "room_type": stay.room_type,
        "meal": stay.meal,
        "segment": stay.segment,
        "channel": stay.channel,
        "agent": stay.agent,
        "season": season_of(stay.arrival),
        "lead_time": float(lead_time),
        "nights": float(stay.nights),
        "adults": float(stay.adults),
        "children": float(stay.children),
        "babies": float(stay.babies),
    }


def season_of(day: date) -> float:
    """Return the mean rate of the season, between the middles of two months."""
    position = day.month - 1 + (day.day - _MIDDLE) / _MONTH_DAYS
    month = math.floor(position)
    share = position - month
    return round(SEASON[month % 12] * (1 - share) + SEASON[(month + 1) % 12] * share, 2)
