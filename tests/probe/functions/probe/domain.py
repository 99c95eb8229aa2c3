"""What the probe counts: functions append their name when they run."""

import msgspec


class Echo(msgspec.Struct):
    """A body that is returned."""

    text: str
    times: int = 1


counted: list[str] = []
