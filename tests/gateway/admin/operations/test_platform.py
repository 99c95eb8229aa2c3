"""What runs, and what was saved but cannot be served."""

from neurova.errors import LoadError
from neurova_platform.testing.platform import TestPlatform


def test_it_says_what_runs_and_for_how_long(running: TestPlatform) -> None:
    found = running.admin("GET", "/v1/platform").json()
    assert (found["name"], found["environment"]) == ("probe", "test")
    assert found["version"]
    assert found["uptime"] >= 0


def test_a_faulty_reload_is_told_until_it_is_mended(running: TestPlatform) -> None:
    running.reloads.told("probe", LoadError("functions/probe/count.py:3: invalid syntax"))
    [item] = running.admin("GET", "/v1/reloads").json()["items"]
    assert (item["service"], item["file"], item["line"]) == (
        "probe",
        "functions/probe/count.py",
        3,
    )
    running.reloads.told("probe", None)
    assert running.admin("GET", "/v1/reloads").json()["items"] == []
