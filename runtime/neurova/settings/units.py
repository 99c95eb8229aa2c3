"""Annotated types for settings."""

from __future__ import annotations

from typing import Annotated

import msgspec

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
OptionalSeconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]
Size = Annotated[int, msgspec.Meta(ge=1, le=1 << 40, extra={"unit": "bytes"})]
OptionalSize = Annotated[int, msgspec.Meta(ge=0, le=1 << 40, extra={"unit": "bytes"})]
FilePath = Annotated[str, msgspec.Meta(extra={"unit": "path"})]
"""A path; relative to the project's folder in neurova.toml, absolute after loading."""
Credential = Annotated[str, msgspec.Meta(extra={"unit": "credential"})]
"""A text that is refused in neurova.toml and never shown."""
