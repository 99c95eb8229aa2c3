from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.servers.postgres import PostgresServer

from neurova_platform.testing.platform import TestPlatform
from neurova_platform.testing.response import Response

PROJECT = Path(__file__).parents[3]
SCOPES = ["crm:read", "crm:write", "crm:merge", "crm:erase"]


class Desk:
    """Call CRM as somebody who may do everything there."""

    def __init__(self, platform: TestPlatform) -> None:
        self.platform = platform

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """Make one call, see that it answers with `status`, and return what it says."""
        answer = self.answer(method, path, body)
        assert answer.status == status, answer.text
        return answer.json() if answer.body else None

    def answer(self, method: str, path: str, body: Any = None) -> Response:
        """Make one call and return its answer."""
        return self.platform.call(method, path, **self._said(body))

    def together(self, calls: list[tuple[str, str, Any]]) -> list[Response]:
        """Make many calls at the same time."""
        return self.platform.together(
            self.platform.acall(method, path, **self._said(body)) for method, path, body in calls
        )

    def customer(self, name: str = "Ada Lovelace", **more: Any) -> dict[str, Any]:
        """Take in a customer."""
        made: dict[str, Any] = self.ask("POST", "/customers", {"name": name, **more}, 201)
        return made

    def note(self, id: str, text: str) -> dict[str, Any]:
        """Add a note to a customer."""
        made: dict[str, Any] = self.ask("POST", f"/customers/{id}/notes", {"text": text}, 201)
        return made

    def interaction(self, id: str, summary: str = "rang", **more: Any) -> dict[str, Any]:
        """Record an interaction with a customer."""
        said = {"kind": "question", "channel": "phone", "summary": summary, **more}
        made: dict[str, Any] = self.ask("POST", f"/customers/{id}/interactions", said, 201)
        return made

    def found(self, text: str, **more: Any) -> list[str]:
        """Return the names of the customers that a search finds, best first."""
        page = self.ask("GET", f"/customers/search?{urlencode({'q': text, **more})}")
        return [customer["name"] for customer in page["customers"]]

    def notes(self, id: str) -> list[str]:
        """Return the texts of all notes on a customer, newest first."""
        found = self.ask("GET", f"/customers/{id}/notes?limit=500")["notes"]
        return [note["text"] for note in found]

    def _said(self, body: Any) -> dict[str, Any]:
        said = {} if body is None else {"json": body}
        return {"scopes": SCOPES, "consumer": "desk", **said}


@pytest.fixture
def neurova_project() -> Path:
    return PROJECT


@pytest.fixture(scope="session")
def on_postgres(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """Give CRM on PostgreSQL, one platform for all tests: to make a database takes a second."""
    folder = tmp_path_factory.mktemp("crm")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NEUROVA_SERVICES_CRM_DATABASE", postgres.create())
        platform = TestPlatform(PROJECT, folder / ".neurova", folder)
    with platform:  # whose settings are read: what is set from here on is other tests' business
        yield Desk(platform)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def desk(request: pytest.FixtureRequest) -> Desk:
    """Give CRM without any customer, on each database in turn."""
    if request.param == "sqlite":
        return Desk(request.getfixturevalue("platform"))
    found: Desk = request.getfixturevalue("on_postgres")
    for customer in found.ask("GET", "/customers?limit=500")["customers"]:
        found.ask("DELETE", f"/customers/{customer['id']}", status=204)
    return found
