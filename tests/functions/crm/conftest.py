from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.servers.postgres import PostgresServer

from neurova_platform.testing.client import CallOptions
from neurova_platform.testing.platform import TestPlatform
from neurova_platform.testing.response import Response

PROJECT = Path(__file__).parents[3]
SCOPES = ["crm:read", "crm:write", "crm:merge", "crm:erase"]


class CrmClient:
    """Call CRM with a key that has all of CRM's scopes."""

    def __init__(self, platform: TestPlatform) -> None:
        self.platform = platform

    def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """Return the decoded body of a response, after checking its status."""
        response = self.send(method, path, body)
        assert response.status == status, response.text
        return response.json() if response.body else None

    def send(self, method: str, path: str, body: Any = None) -> Response:
        return self.platform.call(method, path, **self._options(body))

    def send_together(self, calls: list[tuple[str, str, Any]]) -> list[Response]:
        return self.platform.together(
            self.platform.acall(method, path, **self._options(body)) for method, path, body in calls
        )

    def customer(self, name: str = "Ada Lovelace", **fields: Any) -> dict[str, Any]:
        """Create a customer."""
        created: dict[str, Any] = self.call("POST", "/customers", {"name": name, **fields}, 201)
        return created

    def note(self, id: str, text: str) -> dict[str, Any]:
        """Add a note to a customer."""
        created: dict[str, Any] = self.call("POST", f"/customers/{id}/notes", {"text": text}, 201)
        return created

    def interaction(self, id: str, summary: str = "rang", **fields: Any) -> dict[str, Any]:
        """Record an interaction with a customer."""
        body = {"kind": "question", "channel": "phone", "summary": summary, **fields}
        created: dict[str, Any] = self.call("POST", f"/customers/{id}/interactions", body, 201)
        return created

    def pages(self, path: str, follow: str = "after") -> Iterator[Any]:
        """Yield each page of a list; `follow` is the parameter for the next page."""
        page = self.call("GET", path)
        yield page
        while page["next"]:
            page = self.call("GET", f"{path}&{follow}={page['next']}")
            yield page

    def search(self, text: str, **parameters: Any) -> list[str]:
        """Return the names of the customers found by a search, best match first."""
        page = self.call("GET", f"/customers/search?{urlencode({'q': text, **parameters})}")
        return [customer["name"] for customer in page["customers"]]

    def notes(self, id: str) -> list[str]:
        """Return the texts of all notes on a customer, newest first."""
        page = self.call("GET", f"/customers/{id}/notes?limit=500")
        return [note["text"] for note in page["notes"]]

    def _options(self, body: Any) -> CallOptions:
        options: CallOptions = {"scopes": SCOPES, "consumer": "desk"}
        if body is not None:
            options["json"] = body
        return options


@pytest.fixture
def neurova_project() -> Path:
    return PROJECT


@pytest.fixture(scope="session")
def crm_on_postgres(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CrmClient]:
    """Run CRM on PostgreSQL for all tests, since creating a database takes a second."""
    folder = tmp_path_factory.mktemp("crm")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NEUROVA_SERVICES_CRM_DATABASE", postgres.create())
        platform = TestPlatform(PROJECT, folder / ".neurova", folder)
    with platform:  # once its settings are read, unset the variable for other tests
        yield CrmClient(platform)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def crm(request: pytest.FixtureRequest) -> CrmClient:
    """Yield CRM without customers, on each database in turn."""
    if request.param == "sqlite":
        return CrmClient(request.getfixturevalue("platform"))
    client: CrmClient = request.getfixturevalue("crm_on_postgres")
    for customer in client.call("GET", "/customers?limit=500")["customers"]:
        client.call("DELETE", f"/customers/{customer['id']}", status=204)
    return client
