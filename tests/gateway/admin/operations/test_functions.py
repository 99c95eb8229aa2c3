"""/v1/functions: pages, and the origin of each setting."""

from neurova_platform.testing.platform import TestPlatform


def test_functions_are_listed_by_name(running: TestPlatform) -> None:
    names = [each["name"] for each in running.admin("GET", "/v1/functions").json()["items"]]
    assert names == sorted(each.name for each in running.platform.functions())


def test_function_shows_access_and_origin_of_settings(running: TestPlatform) -> None:
    function = running.admin("GET", "/v1/functions/probe.secret").json()
    assert (function["method"], function["path"]) == ("GET", "/secret")
    assert (function["access"], function["scopes"], function["limit"]) == (
        "probe:secret",
        ["probe:secret"],
        "1000/second",
    )
    assert [step["name"] for step in function["plugins"]] == ["neurova-auth", "neurova-rate-limit"]
    limit = next(value for value in function["values"] if value["key"] == "limit")
    assert limit["origin"] == function["file"]
    assert running.admin("GET", "/v1/functions/probe.count").json()["public"] is True
