"""Alembic's environment for every service; the connection is given by `neurova.database`."""

from alembic import context

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=attributes.get("metadata"),
    render_as_batch=True,
    version_table=attributes["version_table"],
)
context.run_migrations()
