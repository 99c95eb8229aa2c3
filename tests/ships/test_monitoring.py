"""Files for collectors, stores and dashboards are valid and use only metrics of /metrics."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.servers.go_program import built

from neurova.logs.elasticsearch import make_template
from neurova_platform.testing.platform import TestPlatform

INFRA = Path(__file__).parents[2] / "infra"
ALERTS = INFRA / "grafana" / "alerts.yaml"
DASHBOARD = INFRA / "grafana" / "dashboard.json"
_NAME = re.compile(r"\bneurova_\w+")
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
WELL = "0+10000x380"
_ERRORS = 'http_requests_total{status="500"}'
_DROPPED = 'telemetry_dropped_total{exporter="loki"}'
# An alert, the series that fires it, the series' values when firing and when all is well, and
# the value of {{ $value }}.
CASES = (
    ("NeurovaErrorBudgetBurnsFast", _ERRORS, "0+200x380", "0+1x380", ""),
    ("NeurovaErrorBudgetBurnsSlowly", _ERRORS, "", "", ""),
    ("NeurovaDeadLetters", 'queue_messages{queue="mail",state="dead"}', "1+0x380", "0+0x380", "1"),
    ("NeurovaOutboxLags", 'outbox_age_seconds{service="shop"}', "90+0x380", "1+0x380", "90"),
    ("NeurovaQueueLags", 'queue_age_seconds{queue="mail"}', "400+0x380", "2+0x380", "400"),
    ("NeurovaDown", 'up{job="neurova"}', "0+0x380", "1+0x380", ""),
    ("NeurovaBackendDown", 'backend_up{backend="bus"}', "0+0x380", "1+0x380", ""),
    ("NeurovaLeaseFails", 'lease_failures_total{database="shop"}', "0+1x380", "7+0x380", ""),
    ("NeurovaEventLoopLags", 'event_loop_lag_seconds{role="worker"}', "1+0x380", "0+0x380", "1"),
    ("NeurovaTelemetryDrops", _DROPPED, "0+1x380", "5+0x380", "10"),
)  # fmt: skip


def rules() -> list[tuple[str, dict[str, Any]]]:
    """Return each rule with the name of its group."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [(group["name"], rule) for group in groups for rule in group["rules"]]


def check(words: Sequence[str], text: str = "") -> None:
    """Run a checker; if it fails, fail with its output."""
    ran = subprocess.run(words, input=text, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_dashboard_and_alerts_name_only_metrics_that_exist(probe: TestPlatform) -> None:
    text = probe.admin("GET", "/metrics").text
    exist: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        exist |= {name + suffix for suffix in _SUFFIXES.get(kind, ("",))}
    board = json.loads(DASHBOARD.read_text())
    used = {
        name
        for text in (
            *(rule["expr"] for _, rule in rules()),
            *(each["expr"] for panel in board["panels"] for each in panel.get("targets", ())),
        )
        for name in _NAME.findall(text)
    }
    assert len(used) > 15
    assert used <= exist, used - exist


@pytest.mark.server
def test_dashboard_fits_its_schema() -> None:
    check([built("dashboard")], DASHBOARD.read_text())


@pytest.mark.server
@pytest.mark.parametrize("fails", [True, False], ids=["all-fail", "all-well"])
def test_each_alert_fires_when_it_should(fails: bool, tmp_path: Path) -> None:
    """vmalert runs these unit tests, whose format is that of Prometheus' promtool."""
    found = {rule["alert"]: (group, rule) for group, rule in rules() if "alert" in rule}
    assert found.keys() == {alert for alert, *_ in CASES}
    series = [{"series": 'neurova_http_requests_total{status="200"}', "values": WELL}]
    expected = []
    for alert, metric, bad, well, value in CASES:
        group, rule = found[alert]
        name = metric if metric.startswith("up{") else f"neurova_{metric}"
        if bad:
            series.append({"series": name, "values": bad if fails else well})
        labels = dict(re.findall(r'(\w+)="(\w+)"', metric)) if bad and "http" not in metric else {}
        text = {key: fill(each, labels, value) for key, each in rule["annotations"].items()}
        fired = {"exp_labels": rule["labels"] | labels, "exp_annotations": text}
        expected.append(
            {
                "eval_time": "380m",
                "groupname": group,
                "alertname": alert,
                "exp_alerts": [fired] if fails else [],
            }
        )
    case = {"interval": "1m", "input_series": series, "alert_rule_test": expected}
    document = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [case]}
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump(document))
    check([built("vmalert-tool"), "unittest", "--files", str(file)])


def fill(text: str, labels: dict[str, str], value: str) -> str:
    """Return an annotation with the labels and the value filled in."""
    for name, label in labels.items():
        text = text.replace(f"{{{{ $labels.{name} }}}}", label)
    return text.replace("{{ $value }}", value)


@pytest.mark.server
def test_collector_accepts_its_configuration() -> None:
    check([built("otelcol"), "validate", "--config", str(INFRA / "otel" / "collector.yaml")])


def test_index_template_is_the_one_that_is_installed() -> None:
    """The tests of the log stores show that OpenSearch accepts the template."""
    file = INFRA / "elk" / "index-template.json"
    assert json.loads(file.read_text()) == make_template("flat_object")
