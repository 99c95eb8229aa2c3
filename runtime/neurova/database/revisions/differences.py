"""Compare the tables of a database with the tables that a service declares."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData


def find_differences(connection: Connection, metadata: MetaData) -> Iterator[str]:
    """Yield the differences that would make statements on the tables in `metadata` fail.

    Types, keys and indexes are not compared, because a revision may declare them differently.
    """
    from sqlalchemy import inspect
    from sqlalchemy.exc import NoSuchTableError, SAWarning

    inspector = inspect(connection)
    for table in metadata.tables.values():
        try:
            with warnings.catch_warnings(category=SAWarning, action="ignore"):  # unknown types
                columns = inspector.get_columns(table.name, table.schema)
        except NoSuchTableError:
            yield f"table {table.fullname} is missing"
            continue
        found = {column["name"].lower() for column in columns}
        declared = {column.name.lower() for column in table.columns}
        for column in table.columns:
            if column.name.lower() not in found:
                yield f"column {table.fullname}.{column.name} is missing"
        for extra in columns:
            has_value = extra["nullable"] or extra.get("default") is not None
            is_generated = extra.get("computed") or extra.get("identity")
            if extra["name"].lower() not in declared and not has_value and not is_generated:
                yield f"column {table.fullname}.{extra['name']} needs a value, but is not declared"
