"""Run and write revisions with alembic; import alembic only when needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import StateError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, MetaData

ENVIRONMENT = Path(__file__).parent / "environment"


class RevisionFailed(StateError):
    """A statement of a revision failed; `__cause__` is SQLAlchemy's error."""


def run_revisions(connection: Connection, folder: Path, version_table: str) -> None:
    """Run all pending revisions of a folder in the connection's open transaction."""
    from alembic import command
    from sqlalchemy.exc import SQLAlchemyError

    try:
        command.upgrade(_config(connection, folder, version_table), "head")
    except SQLAlchemyError as error:
        raise RevisionFailed(f"a revision in {folder} failed: {error}") from error


def write_revision(
    connection: Connection,
    folder: Path,
    version_table: str,
    name: str,
    message: str,
    metadata: MetaData | None,
) -> Path:
    """Write a revision that upgrades the connected database to `metadata`; return its file."""
    from alembic import command

    config = _config(connection, folder, version_table)
    config.attributes["metadata"] = metadata
    script = command.revision(
        config,
        message,
        autogenerate=metadata is not None,
        rev_id=name,
        version_path=_literal(_version_folders(folder)[-1]),
    )
    assert script is not None
    assert not isinstance(script, list)
    return Path(script.path)


def _config(connection: Connection, folder: Path, version_table: str) -> Config:
    """Return alembic's configuration for one connection, without an alembic.ini."""
    from argparse import Namespace

    from alembic.config import Config

    config = Config(cmd_opts=Namespace(quiet=True))
    config.set_main_option("script_location", _literal(ENVIRONMENT))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(map(_literal, _version_folders(folder))))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = version_table
    return config


def _version_folders(folder: Path) -> list[Path]:
    """Return the folders with revision files; new files go into the last folder."""
    versions = folder / "versions"
    return [folder, versions] if versions.is_dir() else [folder]


def _literal(path: Path) -> str:
    return str(path.resolve()).replace("%", "%%")
