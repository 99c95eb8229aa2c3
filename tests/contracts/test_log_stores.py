"""Every log store returns each written line exactly once."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from tests.contracts.log_stores import PARAMETERS, Searchable, opened, search_opensearch
from tests.servers.toxiproxy import Toxiproxy

from neurova.errors import Unavailable
from neurova.logs.base import Encoded, LogLine, LogStore
from neurova.logs.elasticsearch import ElasticsearchStore
from neurova.logs.encode import encode_lines
from neurova.logs.loki import LokiStore

MESSAGES = ['says "hello"', "two\nlines", "Zürich 🏨", "{braces} %s", "x" * 30_000]


@pytest.fixture(params=PARAMETERS)
def searchable(request: pytest.FixtureRequest) -> Searchable:
    return opened(request)


def lines(messages: list[str], trace: str, **other: Any) -> list[Encoded]:
    values = {"service": "booking", "function": "booking.create", "fields": {"room": 3}} | other
    return encode_lines(
        [
            LogLine(datetime.now(UTC), "INFO", "x", each, trace_id=trace, **values)
            for each in messages
        ]
    )


def test_lines_are_found_by_their_trace(searchable: Searchable) -> None:
    trace, other = uuid4().hex, uuid4().hex
    assert searchable.store.write(lines(MESSAGES, trace)) == 0
    assert searchable.store.write(lines(["other"], other)) == 0
    assert sorted(searchable.find(trace)) == sorted(MESSAGES)
    assert searchable.find(other) == ["other"]
    assert searchable.store.check()


def test_thousands_of_lines_in_batches_are_all_found(searchable: Searchable) -> None:
    trace = uuid4().hex
    for first in range(0, 5000, 1000):
        messages = [str(number) for number in range(first, first + 1000)]
        assert searchable.store.write(lines(messages, trace)) == 0
    assert sorted(map(int, searchable.find(trace))) == list(range(5000))


def test_fields_may_change_their_type(searchable: Searchable) -> None:
    trace = uuid4().hex
    for number, value in enumerate([3, "three", {"a": [3]}, [1], None, 1.5]):
        written = lines([str(number)], trace, fields={"value": value})
        assert searchable.store.write(written) == 0
    assert len(searchable.find(trace)) == 6


@pytest.mark.server
def test_batch_whose_reply_was_lost_is_stored_once(opensearch: str, toxiproxy: Toxiproxy) -> None:
    trace = uuid4().hex
    with toxiproxy.proxy(opensearch) as proxy:
        store = ElasticsearchStore(f"elasticsearch+{proxy.url}")
        store.write(lines(["first"], trace))
        batch = lines(["a", "b"], trace)
        with proxy.toxic("limit_data", "downstream", bytes=0), pytest.raises(Unavailable):
            store.write(batch)
        assert store.write(batch) == 0
    assert sorted(search_opensearch(opensearch, trace)) == ["a", "b", "first"]


@pytest.mark.parametrize(
    "make", [lambda url: LokiStore(f"loki+{url}", "x"), lambda url: ElasticsearchStore(f"e+{url}")]
)
def test_store_that_refuses_connections_is_unavailable(make: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    store: LogStore = make(f"http://user:secret@127.0.0.1:{port}")
    with pytest.raises(Unavailable) as caught:
        store.write(lines(["a"], "1" * 32))
    assert f"http://127.0.0.1:{port}" in str(caught.value)
    assert "secret" not in str(caught.value)
