"""/v1/platform, /v1/functions and /v1/reloads."""

from neurova.errors import LoadError
from neurova_gateway.admin.reloads import Reloads
from neurova_platform.testing.platform import TestPlatform


def test_platform_shows_name_environment_and_uptime(running: TestPlatform) -> None:
    platform = running.admin("GET", "/v1/platform").json()
    assert (platform["name"], platform["environment"]) == ("probe", "test")
    assert platform["version"]
    assert platform["uptime"] >= 0


def test_functions_show_access_and_origin_of_settings(running: TestPlatform) -> None:
    listed = {each["name"]: each for each in running.admin("GET", "/v1/functions").json()["items"]}
    assert list(listed) == sorted(each.name for each in running.platform.functions())
    assert listed["probe.count"]["public"] is True
    function = running.admin("GET", "/v1/functions/probe.secret").json()
    assert (function["method"], function["path"]) == ("GET", "/secret")
    assert (function["access"], function["scopes"]) == ("probe:secret", ["probe:secret"])
    assert function["limit"] == "1000/second"
    assert [step["name"] for step in function["plugins"]] == ["neurova-auth", "neurova-rate-limit"]
    limit = next(value for value in function["values"] if value["key"] == "limit")
    assert limit["origin"] == function["file"]


def test_failed_reload_is_listed_until_it_is_fixed(running: TestPlatform) -> None:
    error = LoadError("invalid syntax", where="functions/probe/count.py:3")
    running.reloads.record("probe", error)
    [item] = running.admin("GET", "/v1/reloads").json()["items"]
    assert (item["service"], item["file"], item["line"]) == ("probe", "functions/probe/count.py", 3)
    running.reloads.record("probe", None)
    assert running.admin("GET", "/v1/reloads").json()["items"] == []


def test_failed_reload_has_last_error_and_first_time() -> None:
    now = iter([10.0, 20.0, 30.0])
    reloads = Reloads(lambda: next(now))
    reloads.record("shop", LoadError("name 'x' is not defined", where="functions/shop/buy.py:12"))
    reloads.record("shop", LoadError("invalid syntax", where="functions/shop/buy.py:14"))
    reloads.record("book", RuntimeError("unexpected"))
    book, shop = reloads.failed()
    assert (shop.file, shop.line, shop.since) == ("functions/shop/buy.py", 14, 10.0)
    assert (book.service, book.file, book.line, book.message) == ("book", "", 0, "unexpected")
