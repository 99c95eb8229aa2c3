"""The events and checks of the mail service."""

from neurova import Event, Reject


class Sold(Event, source="shop"):
    item: str
    buyer: str


def check(sold: Sold) -> None:
    """Raise for an item that cannot be handled."""
    if sold.item == "broken":
        raise ValueError("broken cannot be sent")
    if sold.item == "unknown":
        raise Reject(422, "no such item")
