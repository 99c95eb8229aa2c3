"""Functions are shown with what bounds them and where that comes from."""

from neurova_platform.testing.platform import TestPlatform


def test_all_are_listed_by_name_a_page_at_a_time(running: TestPlatform) -> None:
    found, path = [], "/v1/functions?limit=2"
    while True:
        page = running.admin("GET", path).json()
        found += [each["name"] for each in page["items"]]
        if page["next"] is None:
            break
        path = f"/v1/functions?limit=2&cursor={page['next']}"
    assert found == sorted(each.name for each in running.platform.functions())


def test_one_says_who_may_call_and_where_each_value_comes_from(running: TestPlatform) -> None:
    found = running.admin("GET", "/v1/functions/probe.secret").json()
    assert (found["method"], found["path"]) == ("GET", "/secret")
    assert (found["access"], found["scopes"], found["limit"]) == (
        "probe:secret",
        ["probe:secret"],
        "1000/second",
    )
    assert [step["name"] for step in found["plugins"]] == ["neurova-auth", "neurova-rate-limit"]
    limit = next(value for value in found["values"] if value["key"] == "limit")
    assert limit["origin"] == found["file"]
    assert running.admin("GET", "/v1/functions/probe.count").json()["public"] is True


def test_one_that_is_not_there_is_404(running: TestPlatform) -> None:
    assert running.admin("GET", "/v1/functions/probe.nothing").status == 404
