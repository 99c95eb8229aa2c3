"""Advise a rate for a stay, learnt from the rates of earlier bookings."""

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from neurova import Model, post

from .domain import PRICES, Channel, Guests, Meal, Name, Nights, RoomType, Segment, departure_date
from .features import MODEL, features_of


class StayToPrice(Struct, kw_only=True, forbid_unknown_fields=True):
    """The stay to advise on. `lead_time`: days until the arrival; default: from today."""

    room_type: RoomType
    arrival: date
    nights: Nights = 1
    adults: Guests = 2
    children: Guests = 0
    babies: Guests = 0
    meal: Meal = "bed_and_breakfast"
    segment: Segment = "direct"
    channel: Channel = "direct"
    agent: Name = ""
    lead_time: Annotated[int, Meta(ge=0, le=10_000)] | None = None


class Advice(Struct):
    """The advised price in cents: `rate` for one night, `total` for all nights.

    `list_rate` is the rate that a booking has without a rate of its own.
    """

    room_type: RoomType
    arrival: date
    departure: date
    nights: int
    rate: int
    total: int
    list_rate: int


@post("/quotes/advice", scopes=["booking:read"], limit="600/minute")
async def advise(stay: StayToPrice, model: Annotated[Model, MODEL]) -> Advice:
    """Return the rate at which such stays were booked. It binds nobody and reserves nothing."""
    departure = departure_date(stay.arrival, stay.nights)
    lead_time = stay.lead_time
    if lead_time is None:
        lead_time = max(0, (stay.arrival - date.today()).days)
    rate = round(await model.predict(features_of(stay, lead_time)) * 100)
    return Advice(
        stay.room_type,
        stay.arrival,
        departure,
        stay.nights,
        rate,
        rate * stay.nights,
        PRICES[stay.room_type],
    )
