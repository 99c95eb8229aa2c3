"""The names of spans and attributes, by OpenTelemetry's semantic conventions."""

from __future__ import annotations

from typing import Any


def message_attributes(
    operation: str, event: str, id: str, system: str = "neurova"
) -> dict[str, Any]:
    """Return the attributes of a span that handles one event; `system`: the bus."""
    return {
        "messaging.system": system,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": event,
        "messaging.message.id": id,
    }
