"""The route table matches exactly its routes."""

import pytest

from neurova_gateway.pipeline.routes import RouteTable

TABLE = RouteTable(
    [
        ("GET", "/", "root"),
        ("GET", "/bookings", "list"),
        ("HEAD", "/bookings", "list"),
        ("POST", "/bookings", "create"),
        ("GET", "/bookings/{id}", "get"),
        ("HEAD", "/bookings/{id}", "get"),
        ("DELETE", "/bookings/{booking}", "cancel"),
        ("GET", "/bookings/latest", "latest"),
        ("GET", "/{kind}/{id}/notes", "notes"),
        ("GET", "/bookings/{id}/notes/{note}", "note"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "target", "params"),
    [
        ("GET", b"/", "root", {}),
        ("GET", b"/bookings", "list", {}),
        ("HEAD", b"/bookings", "list", {}),
        ("POST", b"/bookings", "create", {}),
        ("GET", b"/bookings/7", "get", {"id": "7"}),
        ("HEAD", b"/bookings/7", "get", {"id": "7"}),
        ("DELETE", b"/bookings/7", "cancel", {"booking": "7"}),
        ("DELETE", b"/bookings/latest", "cancel", {"booking": "latest"}),
        ("GET", b"/bookings/latest", "latest", {}),
        ("GET", b"/bookings/l%61test", "latest", {}),
        ("GET", b"/rooms/7/notes", "notes", {"kind": "rooms", "id": "7"}),
        ("GET", b"/bookings/7/notes", "notes", {"kind": "bookings", "id": "7"}),
        ("GET", b"/bookings/7/notes/a%20b", "note", {"id": "7", "note": "a b"}),
    ],
)
def test_route_is_found(method: str, path: bytes, target: str, params: dict[str, str]) -> None:
    match = TABLE.find(method, path)
    assert match.target == target
    assert dict(match.params) == params


@pytest.mark.parametrize("path", [b"/none", b"/bookings/", b"/bookings/7/", b"/BOOKINGS"])
def test_unknown_path_is_not_found(path: bytes) -> None:
    match = TABLE.find("GET", path)
    assert match.target is None
    assert match.allowed == ()


def test_allowed_methods_are_listed() -> None:
    assert TABLE.find("PUT", b"/bookings").allowed == ("GET", "HEAD", "POST")
    assert TABLE.find("POST", b"/bookings/7").allowed == ("DELETE", "GET", "HEAD")


MOUNTS = RouteTable(
    [
        ("GET", "/legacy/{*}", "legacy"),
        ("POST", "/legacy/{*}", "legacy"),
        ("GET", "/legacy/deep/{*}", "deep"),
        ("GET", "/legacy/function", "exact"),
        ("GET", "/legacy/{id}/notes", "notes"),
        ("DELETE", "/{*}", "root"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("GET", b"/legacy", "legacy"),
        ("GET", b"/legacy/", "legacy"),
        ("GET", b"/legacy/a/b/", "legacy"),
        ("GET", b"/leg%61cy/a", "legacy"),
        ("GET", b"/legacy/deep", "deep"),
        ("GET", b"/legacy/deep/er", "deep"),
        ("POST", b"/legacy/deep/er", "legacy"),
        ("GET", b"/legacy/deeper", "legacy"),
        ("GET", b"/legacy/function", "exact"),
        ("POST", b"/legacy/function", "legacy"),
        ("GET", b"/legacy/7/notes", "notes"),
        ("GET", b"/legacy/7/notes/8", "legacy"),
        ("DELETE", b"/legacy/function", "root"),
        ("DELETE", b"/", "root"),
        ("GET", b"/legacyx", None),
        ("GET", b"/LEGACY", None),
        ("GET", b"/", None),
    ],
)
def test_mount_matches_what_no_other_route_does(
    method: str, path: bytes, target: str | None
) -> None:
    assert MOUNTS.find(method, path).target == target


def test_allowed_methods_include_those_of_mounts() -> None:
    assert MOUNTS.find("PUT", b"/legacy/function").allowed == ("DELETE", "GET", "POST")
    assert MOUNTS.find("PUT", b"/other").allowed == ("DELETE",)
