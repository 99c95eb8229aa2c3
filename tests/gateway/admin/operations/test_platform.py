"""/v1/platform and /v1/reloads."""

from neurova.errors import LoadError
from neurova_platform.testing.platform import TestPlatform


def test_platform_and_failed_reloads_are_shown(running: TestPlatform) -> None:
    platform = running.admin("GET", "/v1/platform").json()
    assert (platform["name"], platform["environment"]) == ("probe", "test")
    assert platform["version"]
    assert platform["uptime"] >= 0
    error = LoadError("invalid syntax", where="functions/probe/count.py:3")
    running.reloads.record("probe", error)
    [item] = running.admin("GET", "/v1/reloads").json()["items"]
    assert (item["service"], item["file"], item["line"]) == ("probe", "functions/probe/count.py", 3)
    running.reloads.record("probe", None)
    assert running.admin("GET", "/v1/reloads").json()["items"] == []
