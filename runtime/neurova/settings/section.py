"""The base of all sections of the settings."""

from __future__ import annotations

import msgspec

from ..telemetry.redact import mask_secrets


class Section(msgspec.Struct, frozen=True):
    """A group of settings; its `repr`, e.g. in a debugger or a log line, masks secrets."""

    def __repr__(self) -> str:
        return mask_secrets(super().__repr__())
