"""A sync brings Kong to the wanted entities and leaves all other entities unchanged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest

from neurova.errors import ConfigError, StateError, Unavailable
from neurova_gateway.kong.config import Plugin
from neurova_gateway.kong_sync.admin import KongAdmin, KongRefused, check_node
from neurova_gateway.kong_sync.diff import in_reading_order
from neurova_gateway.kong_sync.entities import protect
from neurova_gateway.kong_sync.entity import Entity, Owner
from neurova_gateway.kong_sync.sync import apply_changes, find_changes, list_owned, load_document

from .admin_double import AdminDouble, serve_admin
from .project import CHANGED, FUNCTIONS, OWNER, entities_of

Wanted = Sequence[Entity]


@pytest.fixture(params=["database", "declarative"])
def double(request: pytest.FixtureRequest) -> Iterator[AdminDouble]:
    """Yield a Kong in each mode, with entities of other owners."""
    kong = AdminDouble(has_database=request.param == "database")
    add_others(kong)
    with serve_admin(kong):
        yield kong


@pytest.fixture
def database() -> Iterator[AdminDouble]:
    """Yield a Kong with a database."""
    with serve_admin(AdminDouble()) as kong:
        yield kong


def add_others(kong: AdminDouble) -> None:
    """Add a service with a route, a plugin and a consumer of another owner."""
    service, route = str(uuid4()), str(uuid4())
    kong.put("services", service, {"name": "orders", "host": "orders.internal"})
    kong.put("routes", route, {"name": "all", "paths": ["/o"], "service": {"id": service}})
    kong.put("plugins", str(uuid4()), {"name": "cors", "tags": ["theirs"]})
    kong.put("consumers", str(uuid4()), {"username": "ann"})


def sync(kong: AdminDouble, wanted: Wanted, owner: Owner = OWNER) -> int:
    """Sync a Kong to the wanted entities, and return the number of changes."""
    admin = KongAdmin(kong.url)
    changes = find_changes(admin, owner, wanted)
    if kong.has_database:
        apply_changes(admin, changes, lambda _: None)
    elif changes:
        load_document(admin, owner, wanted, wait=lambda _: None)
    return len(changes)


def without_owned(kong: AdminDouble, owner: Owner = OWNER) -> dict[str, Any]:
    return {
        kind: {id: each for id, each in entities.items() if owner.tag not in (each["tags"] or ())}
        for kind, entities in kong.state().items()
    }


def test_second_diff_is_empty_and_others_stay(double: AdminDouble) -> None:
    others = double.state()
    wanted = entities_of()
    assert sync(double, wanted) == len(wanted)
    assert sync(double, wanted) == 0
    assert without_owned(double) == others
    sync(double, entities_of(CHANGED))
    assert find_changes(KongAdmin(double.url), OWNER, entities_of(CHANGED)) == ()
    sync(double, ())
    assert double.state() == others


def test_changes_by_hand_are_found_and_undone(double: AdminDouble) -> None:
    wanted = entities_of()
    sync(double, wanted)
    before = double.state()
    (auth,) = [
        each
        for each in double.entities["plugins"].values()
        if each["name"] == "neurova-auth" and each["config"]["scopes"] == ["b:read"]
    ]
    auth["config"] |= {"scopes": [], "keys": "postgresql://elsewhere/keys"}
    route = next(each for each in double.entities["routes"].values() if each["methods"])
    route["strip_path"] = True
    double.text = ""  # another configuration was loaded
    changes = find_changes(KongAdmin(double.url), OWNER, wanted)
    assert in_reading_order(changes)[0].changes_access
    assert {field.field for change in changes for field in change.fields} == {
        "config.scopes", "config.keys", "strip_path",
    }  # fmt: skip
    assert "config.scopes: [] -> ['b:read']" in "\n".join(map(str, changes))
    sync(double, wanted)
    assert double.state() == before


def assert_guarded(kong: AdminDouble) -> None:
    """Assert that each of our routes has a guard, or its own function that exits."""
    functions = [
        each for each in kong.entities["plugins"].values() if each["name"] == "post-function"
    ]
    scopes = [(each[scope] or {}).get("id") for each in functions for scope in ("service", "route")]
    for route in kong.entities["routes"].values():
        if route["service"] is not None:
            assert route["service"]["id"] in scopes


@pytest.mark.parametrize("start", [(), FUNCTIONS], ids=["new", "changed"])
def test_sync_killed_at_each_step_ends_in_the_same_state(
    start: list[Any], database: AdminDouble
) -> None:
    """No step leaves a route without a guard, and the next run completes the sync."""
    wanted = entities_of(CHANGED, ["10.0.0.7:8000", "10.0.0.8:8000"])
    sync(database, entities_of(start))
    begun, database.writes = database.state(), []
    steps = sync(database, wanted)
    done = database.state()
    assert len(database.writes) == steps
    for step in range(steps):
        database.entities, database.writes, database.fails_after = begun, [], step
        begun = database.state()
        with pytest.raises(Unavailable):
            sync(database, wanted)
        assert_guarded(database)
        database.fails_after = -1
        assert sync(database, wanted) == steps - step
        assert database.state() == done


def test_unowned_entity_of_the_same_name_is_refused(database: AdminDouble) -> None:
    database.put("services", str(uuid4()), {"name": "demo.booking", "host": "h"})
    with pytest.raises(KongRefused, match=r"service demo\.booking: 409") as refused:
        sync(database, entities_of())
    assert "does not own" in refused.value.fix


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ([(429, {"Retry-After": "7"}), (504, {})], None, ""),
        ([(429, {})] * 5, Unavailable, "still loads"),
        ([(413, {})], Unavailable, "does not fit"),
        ([(500, {})], KongRefused, "500"),
    ],
)
def test_answers_of_a_loading_node(
    answers: list[tuple[int, dict[str, str]]], error: type[Exception] | None, says: str
) -> None:
    waits: list[float] = []
    wanted = entities_of()
    with serve_admin(AdminDouble(has_database=False)) as kong:
        kong.answers = answers
        raises = contextlib.nullcontext() if error is None else pytest.raises(error, match=says)
        with raises:
            assert load_document(KongAdmin(kong.url), OWNER, wanted, waits.append)
        if error is None:
            assert waits == [7.0, 1.0]
            # Load the same text again: the node responds with 304.
            assert (
                not load_document(KongAdmin(kong.url), OWNER, wanted, waits.append) or kong.writes
            )


def test_node_that_refuses_names_the_function() -> None:
    wanted = entities_of()
    broken = next(each for each in wanted if each.label.startswith("booking.get "))
    broken.fields["name"] = "not a name"
    with serve_admin(AdminDouble(has_database=False)) as kong:
        with pytest.raises(KongRefused) as refused:
            load_document(KongAdmin(kong.url), OWNER, wanted)
        assert kong.state()["routes"] == {}
    expected = "route booking.get  GET HEAD /bookings/{id} (functions/booking.get.py:1): name: "
    assert refused.value.what.startswith(expected)


def test_plugins_alone_protect_a_service_of_others(double: AdminDouble) -> None:
    others = double.state()
    owner = Owner("demo:service:orders")
    plugins = [
        Plugin("neurova-auth", {"state": "/s"}),
        Plugin("neurova-rate-limit", {"state": "/s"}),
    ]
    wanted = protect(owner, "service", "orders", plugins)
    assert sync(double, wanted, owner) == 3
    guarded = [each["config"].get("guarded") for each in double.entities["plugins"].values()]
    assert guarded.count(True) == 1
    assert sync(double, wanted, owner) == 0
    (orders,) = double.entities["services"]
    names = {
        each["name"]: each["service"]["id"]
        for each in double.entities["plugins"].values()
        if owner.tag in (each["tags"] or ())
    }
    assert names == dict.fromkeys(("neurova-auth", "neurova-rate-limit", "post-function"), orders)
    # A sync of the project leaves these plugins unchanged.
    sync(double, entities_of())
    assert len(list(list_owned(KongAdmin(double.url), owner))) == 3
    sync(double, ())
    sync(double, (), owner)
    assert double.state() == others
    with pytest.raises(KongRefused, match="Kong has no service 'ordres'"):
        sync(double, protect(owner, "service", "ordres", plugins), owner)


def test_nodes_that_cannot_serve_are_refused(database: AdminDouble) -> None:
    admin = KongAdmin(database.url)
    check_node(admin, ["neurova-auth"])
    database.plugins.remove("neurova-auth")
    with pytest.raises(ConfigError, match="has not loaded the plugins neurova-auth"):
        check_node(admin, ["neurova-auth"])
    database.version = "2.8.1"
    with pytest.raises(ConfigError, match=r"Kong 2\.8\.1"):
        check_node(admin, [])
    with pytest.raises(KongRefused):
        KongAdmin(database.url + "/nothing").node()
    with pytest.raises(Unavailable):
        KongAdmin("http://127.0.0.1:1").node()
    with pytest.raises(StateError):
        KongAdmin(database.url).__class__(database.url + "/services?").node()
