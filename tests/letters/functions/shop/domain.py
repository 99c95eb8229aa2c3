"""The events that the shop publishes."""

from neurova import Event


class Sold(Event):
    item: str
    buyer: str
    count: int = 1
