"""Each route of CRM requires its scope."""

from __future__ import annotations

import pytest
from tests.functions.crm.conftest import SCOPES, CrmClient

from neurova_platform.testing.platform import TestPlatform

ID = "0" * 32
ROUTES = [
    ("GET", "/customers", "crm:read"),
    ("GET", "/customers/search?q=ada", "crm:read"),
    ("GET", "/customers/duplicates", "crm:read"),
    ("GET", f"/customers/{ID}", "crm:read"),
    ("GET", f"/customers/{ID}/notes", "crm:read"),
    ("GET", f"/customers/{ID}/interactions", "crm:read"),
    ("GET", f"/customers/{ID}/duplicates", "crm:read"),
    ("GET", f"/customers/{ID}/stays", "crm:read"),
    ("GET", "/stays", "crm:read"),
    ("GET", "/summaries", "crm:read"),
    ("POST", "/customers", "crm:write"),
    ("PATCH", f"/customers/{ID}", "crm:write"),
    ("POST", f"/customers/{ID}/notes", "crm:write"),
    ("POST", f"/customers/{ID}/interactions", "crm:write"),
    ("POST", f"/customers/{ID}/merge", "crm:merge"),
    ("DELETE", f"/customers/{ID}", "crm:erase"),
]


@pytest.mark.parametrize(("method", "path", "needed"), ROUTES)
def test_every_route_needs_a_key_with_its_scope(
    platform: TestPlatform, method: str, path: str, needed: str
) -> None:
    others = [scope for scope in SCOPES if scope != needed]
    assert platform.call(method, path, json={}).status == 401
    assert platform.call(method, path, json={}, scopes=others).status == 403
    assert platform.call(method, path, json={}, scopes=[needed]).status in (200, 404, 422)


def test_table_of_scopes_has_every_route(platform: TestPlatform) -> None:
    served = {
        (function.description.method, function.description.path)
        for function in platform.platform.services["crm"].functions
    }
    named = {(method, path.replace(ID, "{id}").partition("?")[0]) for method, path, _ in ROUTES}
    assert named == served


def test_every_consumer_reads_all_customers(crm: CrmClient) -> None:
    created = crm.customer()
    crm.note(created["id"], "likes tea")
    at, other = f"/customers/{created['id']}", {"scopes": ["crm:read"], "consumer": "other"}
    assert crm.platform.call("GET", at, **other).json() == created
    notes = crm.platform.call("GET", f"{at}/notes", **other)
    assert notes.json()["notes"][0]["author"] == "desk"
