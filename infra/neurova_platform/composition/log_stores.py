"""Open and check the stores of log lines."""

from __future__ import annotations

from pathlib import Path

from neurova.logs.base import LogStore
from neurova.logs.http import find_url_error

__all__ = [
    "check_elasticsearch",
    "check_file",
    "check_loki",
    "find_url_error",
    "open_elasticsearch",
]
__all__ += ["open_file", "open_loki"]


def open_file(path: Path, project: str) -> LogStore:
    """Return a log store that writes lines to a file."""
    from neurova.logs.files import LogFile

    return LogFile(path)


def open_loki(url: str, project: str) -> LogStore:
    """Return a log store that sends the lines of a project to Loki."""
    from neurova.logs.loki import LokiStore

    return LokiStore(url, project)


def open_elasticsearch(url: str, project: str) -> LogStore:
    """Return a log store that sends lines to Elasticsearch or OpenSearch."""
    from neurova.logs.elasticsearch import ElasticsearchStore

    return ElasticsearchStore(url)


def check_file(path: Path, project: str) -> str:
    """Return one line that names the file."""
    return open_file(path, project).check()


def check_loki(url: str, project: str) -> str:
    """Send a test line to Loki. Raises Unavailable."""
    return open_loki(url, project).check()


def check_elasticsearch(url: str, project: str) -> str:
    """Return the product and version of the server. Raises Unavailable."""
    return open_elasticsearch(url, project).check()
