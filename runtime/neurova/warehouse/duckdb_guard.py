"""Check that a statement for DuckDB is one SELECT of the warehouse's own tables.

DuckDB's parser returns the tree of the statement; nothing here parses SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from .base import STORED, QueryRefused

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FUNCTIONS = frozenset({"range", "generate_series", "unnest"})
"""The functions that may be used as a table; others read files or change the session."""


def check_query(cursor: DuckDBPyConnection, sql: str) -> None:
    """Raise QueryRefused unless the statement only reads tables of the warehouse."""
    statements = cursor.extract_statements(sql)
    kinds = [each.type.name for each in statements]
    if kinds != ["SELECT"]:
        found = ", ".join(kinds) or "none"
        raise QueryRefused(f"the statement is {found}", fix="write one SELECT")
    row = cursor.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    tree = msgspec.json.decode(row[0] if row else b"{}")
    if tree.get("error"):
        raise QueryRefused(
            str(tree.get("error_message", "the statement cannot be checked")),
            fix="write one SELECT",
        )
    nodes = list(_nodes(tree))
    known = {name.lower() for name in _tables(cursor)}
    known |= {each["key"].lower() for each in nodes if _is_cte(each)}
    for node in nodes:
        if node.get("type") == "TABLE_FUNCTION":
            name = str(node["function"].get("function_name", "")).lower()
            if name not in FUNCTIONS:
                raise QueryRefused(
                    f"{name}() cannot be used as a table", fix="read tables of the warehouse"
                )
        elif node.get("type") in ("BASE_TABLE", "SHOW_REF"):
            name = str(node.get("table_name", ""))
            qualified = node.get("schema_name") or node.get("catalog_name")
            if node["type"] == "SHOW_REF" or qualified or name.lower() not in known:
                raise QueryRefused(
                    f"there is no table {name!r}",
                    fix="`neurova warehouse tables` lists the tables",
                )


def _tables(cursor: DuckDBPyConnection) -> Iterator[str]:
    """Yield the names of the views and of the tables behind them."""
    found = cursor.execute(
        "SELECT view_name FROM duckdb_views() WHERE NOT internal "
        "UNION ALL SELECT table_name FROM duckdb_tables() WHERE NOT internal"
    )
    for (name,) in found.fetchall():
        yield name
        yield name.removeprefix(STORED)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects of a tree."""
    if isinstance(tree, dict):
        yield tree
        for each in tree.values():
            yield from _nodes(each)
    elif isinstance(tree, list):
        for each in tree:
            yield from _nodes(each)


def _is_cte(node: dict[str, Any]) -> bool:
    value = node.get("value")
    return isinstance(value, dict) and "query_node" in value
