"""The section `[warehouse]` of neurova.toml."""

from __future__ import annotations

from typing import Literal

from .section import Section
from .units import FilePath, Seconds, Size


class Warehouse(Section, frozen=True):
    """Configure the warehouse, which receives all events and call records if `enabled`.

    `url`: a ClickHouse database, empty for DuckDB in the state folder. `archive`: the folder of
    Parquet files, which are written every `archive_every` seconds. `reports`: the folder of saved
    reports. `pii`: whether to hash or drop values that identify a person. A query may use `timeout`
    seconds and `memory` bytes. `spool`: the bytes of rows that wait for the process that writes.
    """

    enabled: bool = False
    url: str = ""
    archive: FilePath = ""
    archive_every: Seconds = 600.0
    reports: FilePath = "reports"
    pii: Literal["hash", "drop"] = "hash"
    memory: Size = 512 << 20
    timeout: Seconds = 10.0
    spool: Size = 256 << 20
