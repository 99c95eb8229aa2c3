"""The state folder of a project, and the databases in it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from neurova.database import migrations
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError
from neurova.settings.settings import Settings

from .locations import DatabaseLocations

ADDRESS = "address"
"""The file in the state folder that holds the URL of `neurova dev`."""
DEV_LOCK = "dev.lock"
"""The file in the state folder that `neurova dev` locks, so that only one runs."""
RUN_LOCK = "run.lock"
"""The file in the state folder that `neurova run` locks and writes its pid to."""
COUNTERS = "counters"
"""The folder, in the state folder, of the call counters of each process."""
PROCESS_COUNTERS = "process-counters"
"""The folder, in the state folder, of the event counters and readings of each process."""


def prepare(folder: Path) -> Path:
    """Return the state folder; create it with mode 0700 if it is missing.

    Raises StateError if it cannot be created.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"the state folder cannot be created: {error.strerror}",
            where=str(folder),
            fix="create it, or set [project] state in neurova.toml to another folder",
        ) from None
    return folder


def remove_old_counters(state: Path) -> None:
    """Remove the counters of exited processes, so that all counters start at 0."""
    from neurova_gateway.metrics.counter_file import remove_unused_counter_files

    for folder in (COUNTERS, PROCESS_COUNTERS):
        remove_unused_counter_files(state / folder)


def migrate(locations: DatabaseLocations, service: str) -> None:
    """Upgrade a service's database. Raises StateError if that fails."""
    migrations.upgrade(locations.get(service), revisions(locations.settings, service))


def ensure_database(locations: DatabaseLocations, service: str) -> None:
    """Create the database file of a service that uses events or schedules, if it does not exist."""
    if not database_exists(locations.settings, service):
        migrations.upgrade_platform(locations.get(service))


def require_migrated(locations: DatabaseLocations, service: str) -> None:
    """Upgrade the platform's tables. Raises StateError if a migration of the service is pending."""
    database = locations.get(service)
    if migrations.check(database, revisions(locations.settings, service)).pending:
        migrations.upgrade_platform(database)


def require_tables(locations: DatabaseLocations, service: str, domain: ModuleType | None) -> None:
    """Raise StateError if a service's database lacks a table or column declared in `domain`."""
    database = locations.get(service)
    found = migrations.differences(database, domain)
    if found:
        raise StateError(
            f"the database differs from domain.py: {', '.join(found)}",
            where=str(database),
            fix=f'run `neurova db revision {service} -m "…"`, then `neurova db upgrade {service}`',
        )


def load_domain(settings: Settings, service: str) -> ModuleType | None:
    """Import a service's domain.py, None if it has none. Raises LoadError."""
    # Import these only here, so that commands that just need the state folder start fast.
    from neurova.loading.generation import Generation
    from neurova.loading.load_errors import import_error
    from neurova.loading.loader import DOMAIN

    folder = settings.functions / service
    file = folder / f"{DOMAIN}.py"
    if not file.is_file():
        return None
    try:
        return Generation(folder, service).load(DOMAIN)
    except Exception as error:
        raise import_error(settings.functions, file, error) from error


def revisions(settings: Settings, service: str) -> Path:
    """Return the folder of a service's migrations; it may not exist."""
    return settings.functions / service / "migrations"


def database_exists(settings: Settings, service: str) -> bool:
    """Return whether a service's database is a URL, or a file that exists."""
    database = settings.database(service)
    return isinstance(database, PostgresUrl) or database.exists()


def has_state(settings: Settings, service: str) -> bool:
    """Return whether a service has a database, or migrations for one."""
    return database_exists(settings, service) or revisions(settings, service).is_dir()
