"""The state folder of a project, and the databases in it."""

from __future__ import annotations

from pathlib import Path

from neurova.database.migrations import service as migrations
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError
from neurova.settings.settings import Settings

ADDRESS = "address"
"""The file in the state folder that holds the URL of `neurova dev`."""
DEV_LOCK = "dev.lock"
"""The file in the state folder that one `neurova dev` locks."""
RUN_LOCK = "run.lock"
"""The file in the state folder that one `neurova run` locks; it holds its pid."""
COUNTERS = "counters"
"""The folder in the state folder that holds what each process has counted."""


def prepare(folder: Path) -> Path:
    """Return the state folder, made 0700 when missing.

    Raises StateError when it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"{folder}: the state folder cannot be made ({error.strerror}): "
            "make it, or name another by [project] state in neurova.toml"
        ) from None
    return folder


def migrate(settings: Settings, service: str) -> None:
    """Bring a service's database up to date. Raises StateError when it cannot be."""
    migrations.upgrade(settings.database(service), revisions(settings, service))


def require_migrated(settings: Settings, service: str) -> None:
    """Raise StateError when a service's database is behind its files, or ahead of them."""
    database = settings.database(service)
    pending = migrations.status(database, revisions(settings, service)).pending
    if pending:
        raise StateError(
            f"{database} is behind by {len(pending)} revision(s) of {service}: "
            f"run `neurova db upgrade {service}`"
        )


def revisions(settings: Settings, service: str) -> Path:
    """Return the folder of a service's migrations; there may be none."""
    return settings.functions / service / "migrations"


def made(settings: Settings, service: str) -> bool:
    """Tell whether a service's database is there: its file, or a URL."""
    database = settings.database(service)
    return isinstance(database, PostgresUrl) or database.exists()


def stored(settings: Settings, service: str) -> bool:
    """Tell whether a service has a database, or migrations for one."""
    return made(settings, service) or revisions(settings, service).is_dir()
