"""Upgrade the databases of the project, as `neurova db upgrade` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neurova.loading.service import discover

if TYPE_CHECKING:
    from .container import Container


async def handle(container: Container, event: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Run the pending revisions; return the names of the revisions that ran, by service.

    Raises StateError if a database afterwards lacks a table or column that its service declares.
    """
    from neurova.database import migrations

    from ...composition.locations import DatabaseLocations
    from ...composition.state import has_state, load_domain, require_tables, revisions

    settings = container.settings
    with DatabaseLocations(settings) as locations:
        names = [each for each in discover(settings.functions) if has_state(settings, each)]
        ran = {
            name: migrations.upgrade(locations.get(name), revisions(settings, name))
            for name in names
        }
        for name in names:
            require_tables(locations, name, load_domain(settings, name))
    return ran
