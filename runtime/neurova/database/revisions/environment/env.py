"""The alembic environment of every service; `alembic_runner` passes the connection."""

from alembic import context

attributes = context.config.attributes
connection = attributes["connection"]
excluded = frozenset[str]()
if connection.dialect.name == "sqlite" and attributes.get("metadata") is not None:
    # MetaData does not contain the tables of full-text indexes; autogenerate must not drop them.
    tables = connection.exec_driver_sql("PRAGMA table_list").mappings()
    excluded = frozenset(row["name"] for row in tables if row["type"] in ("virtual", "shadow"))
context.configure(
    connection=connection,
    target_metadata=attributes.get("metadata"),
    include_name=lambda name, kind, _: kind != "table" or name not in excluded,
    render_as_batch=True,
    version_table=attributes["version_table"],
)
context.run_migrations()
