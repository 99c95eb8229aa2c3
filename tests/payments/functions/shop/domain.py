"""The shop's events, and a record of the secrets that functions received."""

from neurova import Event

SEEN: list[str] = []


class Sold(Event):
    item: str
