"""The probe's counter: each function appends its name when it runs."""

import msgspec


class Echo(msgspec.Struct):
    """A body that is returned."""

    text: str
    times: int = 1


counted: list[str] = []
