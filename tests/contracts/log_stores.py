"""The log stores under the contract, and how the tests search each of them."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from neurova.logs.base import LogStore
from neurova.logs.elasticsearch import ElasticsearchStore
from neurova.logs.files import LogFile
from neurova.logs.loki import LokiStore

PARAMETERS: list[Any] = [
    pytest.param("file"),
    pytest.param("victorialogs", marks=pytest.mark.server),
    pytest.param("opensearch", marks=pytest.mark.server),
]


class Searchable(NamedTuple):
    """A store, its URL in [logs], and a function that returns the messages of a trace."""

    store: LogStore
    url: str
    find: Callable[[str], list[str]]


def opened(request: pytest.FixtureRequest) -> Searchable:
    """Open the store named by the test's parameter."""
    if request.param == "file":
        path: Path = request.getfixturevalue("tmp_path") / "neurova.jsonl"
        return Searchable(LogFile(path), "", lambda trace: search_file(path, trace))
    server: str = request.getfixturevalue(request.param)
    if request.param == "victorialogs":
        url = f"loki+{server}/insert"
        return Searchable(LokiStore(url, "test"), url, lambda trace: search_victoria(server, trace))
    url = f"elasticsearch+{server}"
    return Searchable(
        ElasticsearchStore(url, 120.0), url, lambda trace: search_opensearch(server, trace)
    )


def search_file(path: Path, trace: str) -> list[str]:
    """Return the messages of a trace in a file."""
    lines = map(json.loads, path.read_text().splitlines())
    return [line["message"] for line in lines if line.get("trace_id") == trace]


def search_victoria(server: str, trace: str) -> list[str]:
    """Return the messages of a trace; VictoriaLogs itself parses the JSON lines."""
    query = {"query": f'trace_id:"{trace}"', "limit": "100000"}
    _request("POST", f"{server}/internal/force_flush")
    found = _request("GET", f"{server}/select/logsql/query?{urllib.parse.urlencode(query)}")
    return [json.loads(line)["message"] for line in found.decode().splitlines()]


def search_opensearch(server: str, trace: str) -> list[str]:
    """Return the messages of a trace."""
    _request("POST", f"{server}/neurova-logs-*/_refresh")
    query = {"query": {"term": {"trace_id": trace}}, "size": 10_000}
    found = json.loads(_request("POST", f"{server}/neurova-logs-*/_search", query))
    return [hit["_source"]["message"] for hit in found["hits"]["hits"]]


def _request(method: str, url: str, body: object = None) -> bytes:
    content = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url, content, headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as reply:
        return bytes(reply.read())
