"""Turn the hotel's bookings into examples, and split them by arrival day."""

from __future__ import annotations

from datetime import date

from functions.booking.features import features_of

from ..replay.hotel import booking, rows
from .data import TEST, TRAIN, Example, parameters, write


def main() -> None:
    """Write the examples that arrive before the split day, and the examples from that day on."""
    split = date.fromisoformat(parameters()["split"])
    stays = [booking(row).stay for row in rows()]
    examples = [
        Example(stay.arrival, features_of(stay, stay.lead_time), stay.rate / 100) for stay in stays
    ]
    write(TRAIN, [each for each in examples if each.arrival < split])
    write(TEST, [each for each in examples if each.arrival >= split])


if __name__ == "__main__":
    main()
