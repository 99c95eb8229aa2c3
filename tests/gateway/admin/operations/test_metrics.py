"""/metrics: Prometheus' parsers accept it, and it includes every answered call."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from neurova_platform.testing.platform import TestPlatform

OPEN = "application/openmetrics-text; version=1.0.0"


@pytest.fixture(scope="module")
def called(running: TestPlatform) -> TestPlatform:
    """Make six calls."""
    for number in range(4):
        running.get(f"/items/{number}", scopes=[])
    running.get("/items/5")
    running.get('/no"where')
    return running


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain", OPEN])
def test_both_formats_are_valid_and_complete(called: TestPlatform, accept: str) -> None:
    response = called.admin("GET", "/metrics", headers={"accept": accept})
    assert response.status == 200
    read = text_string_to_metric_families
    media_type = "text/plain"
    if accept == OPEN:
        read, media_type = openmetrics.text_string_to_metric_families, accept.partition(";")[0]
    assert response.headers["content-type"].startswith(media_type)
    samples = {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in read(response.text)
        for sample in family.samples
    }
    assert samples["neurova_http_requests_total", "GET", "probe.item", "200"] == 4
    assert samples["neurova_http_requests_total", "GET", "probe.item", "401"] == 1
    assert samples["neurova_http_requests_total", "GET", "unmatched", "404"] == 1
    duration = "neurova_http_request_duration_seconds"
    assert samples[f"{duration}_count", "probe.item"] == 5
    assert samples[f"{duration}_bucket", "+Inf", "probe.item"] == 5
    assert samples[f"{duration}_sum", "probe.item"] > 0
    assert samples["neurova_workers",] == 1
    assert samples["neurova_access_records_dropped_total",] == 0
    assert samples["neurova_worker_cpu_seconds_total", "0"] > 0


def test_metric_names_follow_the_conventions(called: TestPlatform) -> None:
    text = called.admin("GET", "/metrics", headers={"accept": OPEN}).text
    families = list(openmetrics.text_string_to_metric_families(text))
    assert len(families) >= 10
    for family in families:
        assert family.name.startswith("neurova_")
        assert family.documentation.endswith(".")
        assert not family.name.endswith(("_ms", "_total", "_count"))


def test_invented_paths_and_methods_add_no_labels(called: TestPlatform) -> None:
    def lines() -> int:
        text = called.admin("GET", "/metrics").text
        return sum("method=" in line or "route=" in line for line in text.splitlines())

    called.call("GET", "/made-up")
    called.call("BREW", "/made-up")
    called.call("BREW", "/count")
    before = lines()
    for number in range(50):
        called.call("GET", f"/made-up/{number}")
        called.call(f"BREW{number}", f"/made-up/{number}")
        called.call(f"BREW{number}", "/count")
    assert lines() == before
