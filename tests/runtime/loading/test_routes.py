"""No two functions can match the same request."""

import pytest
from tests.runtime.project import Project

from neurova.errors import LoadError
from neurova.loading.routes import check_routes

HANDLER = "from neurova import get, post\n\n\n@{0}('/rooms/{{{1}}}')\nasync def f({1}: str): ...\n"
APP = "from neurova import mount\n\n\nasync def app(scope, receive, send): ...\n\n\n"


def test_same_route_in_two_services_names_both_files(project: Project) -> None:
    project.write("shop", a=HANDLER.format("get", "id"))
    project.write("hotel", b=HANDLER.format("get", "room"))
    project.write("other", c=HANDLER.format("post", "id"))
    functions = [f for s in ("shop", "hotel", "other") for f in project.load(s).functions]
    check_routes([functions[0], functions[2]])
    with pytest.raises(LoadError) as caught:
        check_routes(functions)
    assert str(caught.value) == (
        "functions/hotel/b.py:4: hotel.f has the same route GET /rooms/{room} as shop.f "
        "(functions/shop/a.py:4): change the path of one of them"
    )


@pytest.mark.parametrize("methods", ['["DELETE", "PUT"]', '["PUT"]'])
def test_two_mounts_cannot_share_a_method_of_a_path(project: Project, methods: str) -> None:
    project.write(
        "shop",
        a=APP + 'one = mount("/a", app)\n',
        b=APP + f'other = mount("/a", app, methods={methods})\n',
    )
    with pytest.raises(LoadError, match=r"as shop\.one .*: change the path"):
        check_routes(project.load("shop").functions)


def test_mounts_of_other_methods_or_paths_do_not_conflict(project: Project) -> None:
    project.write(
        "shop",
        a=APP + 'a = mount("/a", app, methods=["GET"])\n',
        b=APP + 'b = mount("/a", app, methods=["POST"])\n',
        c=APP + 'c = mount("/a/c", app)\n',
        d=HANDLER.format("get", "d").replace("/rooms", "/a"),
    )
    check_routes(project.load("shop").functions)
