"""What the shop publishes, and a record of the secrets that functions got."""

from neurova import Event

SEEN: list[str] = []


class Sold(Event):
    item: str
