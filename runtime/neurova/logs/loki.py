"""Push log lines to Grafana Loki, or to a server with its push API, such as VictoriaLogs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from .base import Encoded, LogLine
from .encode import encode_lines
from .http import HttpEndpoint

LOGGER = logging.getLogger("neurova.logs")
PATH = "/loki/api/v1/push"


class LokiStore:
    """Push to the Loki server at `url`; the path of the API is appended to the path of `url`.

    A stream has the labels `app`, `project`, `service` and `level`; other values are in the line.
    Loki drops a line that is sent twice; VictoriaLogs stores it twice.
    """

    def __init__(self, url: str, project: str) -> None:
        self._endpoint = HttpEndpoint(url)
        self._project = project

    def write(self, lines: Sequence[Encoded]) -> int:
        """Push lines; return their number if Loki refuses them. Raises Unavailable."""
        streams: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for line, json in lines:
            values = streams.setdefault((line.service, line.level), [])
            values.append((str(_nanoseconds(line.time)), json.decode()))
        body = {
            "streams": [
                {"stream": self._labels(service, level), "values": values}
                for (service, level), values in streams.items()
            ]
        }
        status, text = self._endpoint.send("POST", PATH, msgspec.json.encode(body))
        if status >= 300:  # the error is about one line; Loki may have stored the others
            LOGGER.error("Loki refuses lines: %s", text[:300].decode(errors="replace"))
            return len(lines)
        return 0

    def _labels(self, service: str, level: str) -> dict[str, str]:
        return {"app": "neurova", "project": self._project, "service": service, "level": level}

    def check(self) -> str:
        """Push one line. Raises Unavailable."""
        line = LogLine(datetime.now(UTC), "INFO", "neurova.doctor", "check by neurova doctor")
        refused = self.write(encode_lines([line]))
        return f"{self._endpoint.where}: " + ("refuses lines" if refused else "takes lines")


def _nanoseconds(time: datetime) -> int:
    return round(time.timestamp() * 1_000_000) * 1000
