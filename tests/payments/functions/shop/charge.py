"""Charge for a sale, in a thread."""

from typing import Annotated

from neurova import Secret, on

from .domain import SEEN, Sold


@on(Sold)
def charge(sold: Sold, token: Annotated[Secret, "stripe#token"]) -> None:
    SEEN.append(f"{sold.item} {token.value}")
