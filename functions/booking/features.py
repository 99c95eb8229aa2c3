"""The features from which the model `price-advice` predicts the rate of a stay."""

from datetime import date
from typing import Any

MODEL = "price-advice@champion"

# The rate of each day of the year, in euros, in the season before the bookings that the model
# learns from: the column `historical_adr` of their file. Its authors fitted a smooth curve to the
# daily means of the arrivals from July 2015 to June 2016, so none of those bookings is in it.
_RATES = """
60.1 57.9 55.9 54.0 52.3 50.8 49.4 48.3 47.2 46.4 45.6 44.9 44.5 44.4 44.5 44.7
44.9 45.0 45.1 45.1 45.2 45.3 45.4 45.4 45.2 45.1 45.0 45.0 45.3 45.8 46.6 47.5
48.5 49.4 50.1 50.8 51.8 52.8 53.7 54.5 54.9 55.0 54.9 54.8 54.5 54.3 53.9 53.2
52.3 51.3 50.5 50.0 49.7 49.4 49.1 48.9 48.8 48.8 48.9 49.3 49.7 50.2 50.6 50.8
50.6 50.2 49.7 49.3 49.3 49.4 49.6 49.8 50.1 50.7 51.6 52.9 54.6 56.6 58.6 60.5
61.9 63.3 64.9 66.6 68.3 69.6 70.4 70.6 70.2 69.4 68.7 68.2 67.8 67.1 66.3 65.6
65.0 64.7 64.6 64.7 64.9 65.1 65.4 65.6 66.1 66.8 67.7 68.5 69.3 69.9 70.4 70.9
71.3 71.7 72.0 72.1 72.1 72.0 71.8 71.7 71.6 71.5 71.3 71.0 70.7 70.5 70.4 70.6
70.8 71.2 71.5 71.9 72.2 72.5 72.9 73.2 73.6 74.0 74.3 74.4 74.4 74.5 74.8 75.4
76.3 77.3 78.5 79.8 81.2 82.7 84.5 86.9 89.5 92.1 94.4 96.3 97.9 99.8 101.6 103.1
104.1 104.5 104.4 103.9 103.3 102.7 102.4 102.0 101.2 100.2 99.4 99.0 98.9 98.7 98.6 98.6
98.8 99.2 99.8 100.5 101.4 102.4 103.6 105.0 106.6 108.5 110.4 112.3 114.2 116.2 118.6 121.2
123.8 126.2 128.3 130.1 131.9 133.5 135.1 136.6 138.0 139.0 139.6 140.1 140.6 141.6 142.8 144.1
145.5 146.9 148.3 149.7 151.3 153.2 155.2 157.2 159.0 160.4 161.6 162.9 164.1 165.2 166.1 166.5
166.9 167.3 167.5 167.3 166.6 165.3 163.6 161.5 159.1 156.6 153.9 150.8 147.0 142.8 138.5 134.4
130.8 127.5 123.9 120.3 116.8 113.4 110.3 107.6 105.0 102.7 100.4 98.3 96.3 94.3 92.5 90.8
89.1 87.6 86.2 85.1 84.1 83.2 82.1 81.0 80.1 79.2 78.4 77.5 76.5 75.2 73.7 72.2
70.7 69.4 68.3 67.1 66.0 65.0 64.1 63.3 62.7 62.3 62.1 61.9 61.6 61.3 61.0 60.9
60.8 60.7 60.4 59.9 59.2 58.4 57.5 56.6 55.8 54.7 53.2 51.6 50.0 48.7 47.9 47.7
47.7 47.9 48.3 48.7 49.0 49.6 50.6 51.8 53.0 53.9 54.3 54.3 54.2 53.9 53.5 53.1
52.3 51.0 49.5 48.0 46.6 45.7 45.2 44.9 44.6 44.5 44.4 44.3 44.4 44.7 45.1 45.6
45.9 46.0 45.8 45.5 45.0 44.7 44.6 44.3 43.6 42.8 42.2 42.0 42.4 43.2 43.8 44.7
46.3 49.0 52.6 56.6 61.2 66.3 72.0 78.4 85.4 93.2 101.5 110.5 120.1 130.3
"""
_SEASON = tuple(map(float, _RATES.split()))


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
    """Return the rate of this day of the year in the season before the training data."""
    return _SEASON[day.timetuple().tm_yday - 1]
