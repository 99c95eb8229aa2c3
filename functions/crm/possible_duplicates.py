"""Find customers that share an email, phone or name with another one."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, or_, select

from .domain import CUSTOMER_COLUMNS, Customer, customers, from_row

Field = Literal["email", "phone", "name"]
COLUMNS: dict[Field, str] = {"email": "email", "phone": "phone", "name": "name_key"}
"""The column compared for each field; null in merged customers, so they never match."""


class PossibleDuplicate(Struct):
    """A customer and the fields it shares with another. Word order of names does not matter."""

    customer: Customer
    shares: list[Field]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> "PossibleDuplicate":
        """Return the possible duplicate in a row of `select_sharing`."""
        return cls(from_row(Customer, row), [field for field in COLUMNS if row[f"same_{field}"]])


def select_sharing(conditions: Mapping[Field, ColumnElement[bool]]) -> Select[Any]:
    """Select the customers that meet any condition, with a column `same_…` for each."""
    columns = (condition.label(f"same_{field}") for field, condition in conditions.items())
    return select(customers.c.seq, *CUSTOMER_COLUMNS, *columns).where(or_(*conditions.values()))
