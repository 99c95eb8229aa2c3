"""Pass call records and model records to the process that writes the warehouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from neurova.settings.settings import Settings
from neurova_gateway.pipeline.call_records import CallRecord

if TYPE_CHECKING:
    from neurova.warehouse.spool import Spool


def make_spool(settings: Settings) -> Spool:
    """Return the spool: files through which processes pass rows to the warehouse."""
    from neurova.warehouse.spool import Spool

    return Spool(settings.state / "warehouse" / "spool", settings.warehouse.spool)


class CallTable:
    """Pass call records to the process that writes the warehouse."""

    def __init__(self, settings: Settings) -> None:
        from neurova.warehouse.spool import CALLS

        self._spool = make_spool(settings)
        self._table = CALLS

    def write(self, records: Sequence[CallRecord]) -> None:
        """Append a batch to the spool. Raises OSError if it is full."""
        self._spool.record(
            self._table,
            [
                (
                    r.time,
                    r.trace_id,
                    r.route,
                    r.method,
                    r.status,
                    r.ms,
                    r.bytes,
                    r.consumer,
                    r.key_id,
                )
                for r in records
            ],
        )


class ModelTables:
    """Pass model records to the process that writes the warehouse."""

    def __init__(self, settings: Settings) -> None:
        self._spool = make_spool(settings)

    def record(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows to the spool. Raises OSError if it is full."""
        from neurova.warehouse.spool import SPOOLED

        self._spool.record_values(SPOOLED[table], rows)
