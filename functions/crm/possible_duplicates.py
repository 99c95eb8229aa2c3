"""What two customers may share that are possible duplicates."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, or_, select

from .domain import CUSTOMER_COLUMNS, Customer, customers, from_row

Field = Literal["email", "phone", "name"]
COLUMNS: dict[Field, str] = {"email": "email", "phone": "phone", "name": "name_key"}
"""The column that is compared for each field; it is null for a merged customer."""


class PossibleDuplicate(Struct):
    """Name a customer and what it shares with another; a name may have its words in any order."""

    customer: Customer
    shares: list[Field]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> "PossibleDuplicate":
        """Return the possible duplicate of a row of `select_sharing`."""
        return cls(from_row(Customer, row), [field for field in COLUMNS if row[f"same_{field}"]])


def select_sharing(conditions: Mapping[Field, ColumnElement[bool]]) -> Select[Any]:
    """Return the statement of the customers that meet a condition, with a column for each."""
    columns = (condition.label(f"same_{field}") for field, condition in conditions.items())
    return select(customers.c.seq, *CUSTOMER_COLUMNS, *columns).where(or_(*conditions.values()))
