"""What makes two customers look like one and the same."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, or_, select

from .domain import STORED, Customer, customers, read

Sign = Literal["email", "phone", "name"]
SIGNS: dict[Sign, str] = {"email": "email", "phone": "phone", "name": "name_key"}
"""Each sign and the column that holds it; a merged customer has none."""


class Lookalike(Struct):
    """Name a customer who shares something with another; a name is shared in any order of words."""

    customer: Customer
    shares: list[Sign]

    @classmethod
    def read(cls, row: Mapping[Any, Any]) -> "Lookalike":
        """Make a look-alike of a row of `alike`."""
        return cls(read(Customer, row), [sign for sign in SIGNS if row[f"same_{sign}"]])


def alike(shared: Mapping[Sign, ColumnElement[bool]]) -> Select[Any]:
    """Return the statement of customers of whom one of some conditions holds, a sign each."""
    told = (condition.label(f"same_{sign}") for sign, condition in shared.items())
    return select(customers.c.seq, *STORED, *told).where(or_(*shared.values()))
