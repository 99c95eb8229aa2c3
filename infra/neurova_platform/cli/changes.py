"""Open the key store and write the audit log, for commands that change keys or events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurova.settings.settings import Settings
    from neurova_gateway.keys.base import KeyStore


@contextmanager
def key_store() -> Iterator[tuple[KeyStore, Settings]]:
    """Open the project's key store; turn a ValueError in the block into a NeurovaError."""
    from neurova.errors import NeurovaError

    from ..composition.backends import open_key_store
    from ..composition.state import prepare
    from ..settings.loading import load

    settings = load()
    prepare(settings.state)
    store = open_key_store(settings)
    try:
        yield store, settings
    except ValueError as error:
        raise NeurovaError(str(error)) from None
    finally:
        store.close()


@contextmanager
def audited(settings: Settings, command: str, **fields: object) -> Iterator[dict[str, object]]:
    """Write an audit record before and after a change, as the Admin API does.

    Yields a dict; the block may add fields to it for the second record.
    """
    from getpass import getuser

    from neurova_gateway.admin.audit import Audit

    audit = Audit(settings.state / "logs" / "audit.jsonl")
    change = audit.begin(command=f"neurova {command}", client=getuser(), **fields)
    done: dict[str, object] = {}
    status = "failed"
    try:
        yield done
        status = "done"
    finally:
        audit.end(change, status=status, **done)
