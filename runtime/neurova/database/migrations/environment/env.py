"""Alembic's environment for every service; the connection is given by `neurova.database`."""

from alembic import context

attributes = context.config.attributes
connection = attributes["connection"]
unknown = frozenset[str]()
if connection.dialect.name == "sqlite" and attributes.get("metadata") is not None:
    # What a full-text index is made of is in no MetaData, and is not to be dropped for that.
    tables = connection.exec_driver_sql("PRAGMA table_list").mappings()
    unknown = frozenset(row["name"] for row in tables if row["type"] in ("virtual", "shadow"))
context.configure(
    connection=connection,
    target_metadata=attributes.get("metadata"),
    include_name=lambda name, kind, _: kind != "table" or name not in unknown,
    render_as_batch=True,
    version_table=attributes["version_table"],
)
context.run_migrations()
