"""The page at /docs in a browser is complete, accessible, and loads nothing from elsewhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.platform.openapi.conftest import copy_every
from tests.servers import npm
from tests.servers.chromium import browser
from tests.serving import Serving, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.server
__all__ = ["browser"]
ROOT = Path(__file__).parents[2]


@dataclass
class Visit:
    """An open page, with its requests and its errors."""

    page: Page
    url: str
    key: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, function: str = "") -> None:
        self.page.goto(f"{self.url}/docs#{function}")
        self.page.wait_for_selector("h1")

    def send(self) -> str:
        """Send the form and return the displayed status."""
        self.page.click(".send")
        self.page.wait_for_selector(".send:enabled")
        return self.page.inner_text(".status")


@pytest.fixture(scope="module")
def booking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, str, str]]:
    """Serve Booking and the service `every` with `neurova dev`."""
    project = copy_every(tmp_path_factory.mktemp("docs"))
    shutil.copytree(ROOT / "functions" / "booking", project / "functions" / "booking")
    with serving(project, "dev") as started:
        ready = started.event("ready")
        yield started, ready["url"], Path(ready["key_file"]).read_text().strip()


@pytest.fixture
def open_page(
    browser: Browser, booking: tuple[Serving, str, str]
) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens the page; at the end, check for foreign requests and errors."""
    visits: list[Visit] = []
    contexts = []

    def new_visit(scheme: str = "light", width: int = 1280, height: int = 900) -> Visit:
        context: Any = browser.new_context(
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": height},
        )
        contexts.append(context)
        visit = Visit(context.new_page(), booking[1], booking[2])
        visits.append(visit)
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
        visit.page.on(
            "console",
            lambda message: visit.errors.append(message.text) if message.type == "error" else None,
        )
        return visit

    yield new_visit
    for context in contexts:
        context.close()
    for visit in visits:
        assert [url for url in visit.requests if not url.startswith(visit.url)] == []
        assert visit.errors == []


def test_every_function_is_listed_and_found_by_search(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.open()
    listed = visit.page.locator("#functions a")
    assert listed.count() == 20
    assert visit.page.inner_text("#functions h2 >> nth=0").lower() == "booking"
    visit.page.keyboard.press("/")
    visit.page.keyboard.type("post quote")
    assert listed.count() == 2  # the other is POST /quotes/advice
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector("h1 .post")
    assert "/quote" in visit.page.inner_text("h1")
    assert visit.page.title().startswith("POST /quote")
    assert visit.page.evaluate("document.activeElement.tagName") == "H1"
    assert "booking:read" in visit.page.inner_text(".facts")
    assert "600/minute" in visit.page.inner_text(".facts")


def test_function_can_be_called_and_its_response_is_shown(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.open("booking.quote")
    visit.page.fill("#key", visit.key)
    stay = {"room_type": "b", "arrival": "2016-07-02", "nights": 2}
    visit.page.fill("#try-body", json.dumps(stay))
    assert visit.send().startswith("200 OK")
    response = json.loads(visit.page.inner_text(".answer .body"))
    assert (response["total"], response["departure"]) == (220_00, "2016-07-04")
    assert "of 600 left" in visit.page.inner_text(".limits")
    curl = visit.page.inner_text(".curl pre")
    assert "-X POST" in curl
    assert "$NEUROVA_KEY" in curl


def test_values_are_sent_in_path_query_and_headers(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.open("every.read")
    visit.page.fill("#key", visit.key)
    visit.page.fill("#try-query-tags", "a b, c")
    visit.page.select_option("#try-query-colour", "red")
    visit.page.fill("#try-header-x-tenant", "acme")
    visit.page.fill("#try-header-x-parts", "1, 2")
    with visit.page.expect_request("**/things/**") as sent:
        status = visit.send()
    assert sent.value.url.endswith("colour=red&tags=a%20b&tags=c")
    assert sent.value.headers["x-tenant"] == "acme"
    assert sent.value.headers["x-parts"] == "1, 2"
    assert status.startswith("404")
    assert "No thing has the id" in visit.page.inner_text(".answer .body")
    visit.errors[:] = [text for text in visit.errors if "404" not in text]  # logged by the browser


def test_problem_is_shown(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.open("booking.quote")
    assert "Enter a key" in visit.page.inner_text(".actions")
    assert visit.send().startswith("401")
    assert "send it as X-API-Key" in visit.page.inner_text(".answer .body")
    visit.errors[:] = [text for text in visit.errors if "401" not in text]


def test_key_is_stored_nowhere(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.open("booking.list_rooms")
    visit.page.fill("#key", visit.key)
    assert visit.send().startswith("200")
    assert visit.page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert visit.page.context.cookies() == []
    assert visit.key not in visit.page.url
    assert visit.key not in visit.page.inner_text("body")
    assert all(visit.key not in url for url in visit.requests)
    visit.page.reload()
    visit.page.wait_for_selector("h1")
    assert visit.page.input_value("#key") == ""


def test_texts_of_the_document_are_never_html(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.open("every.change")
    assert "<img src=x onerror=alert(1)>" in visit.page.inner_text(".description")
    assert visit.page.locator("img").count() == 0
    refused = (
        """() => { try { document.body.innerHTML = "<b>x</b>" } catch (e) { return e.name } }"""
    )
    assert visit.page.evaluate(refused) == "TypeError"
    visit.errors.clear()  # the browser logs the refusal


def test_recursive_type_opens_on_demand(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.open("every.add")
    for _ in range(3):
        visit.page.locator(".description details:not([open]) > summary", has_text="below").or_(
            visit.page.locator(".description details:not([open]) > summary", has_text="tree")
        ).first.click()
    assert visit.page.locator(".description summary", has_text="below").count() >= 2


def test_page_works_by_keyboard(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    visit.open()
    press = visit.page.keyboard.press
    press("/")
    press("ArrowDown")
    press("ArrowDown")
    press("Enter")
    visit.page.wait_for_selector(".try")
    reached = set()
    for _ in range(40):
        press("Tab")
        reached.add(
            visit.page.evaluate("document.activeElement.id || document.activeElement.className")
        )
    assert {"send", "small"} <= reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
@pytest.mark.parametrize("function", ["", "every.add", "every.read", "booking.quote"])
def test_page_is_accessible_and_fits_the_window(
    open_page: Callable[..., Visit], scheme: str, width: int, function: str
) -> None:
    """axe-core finds no violation, and nothing is wider than the window."""
    visit = open_page(scheme, width)
    visit.open(function)
    if function:
        visit.page.fill("#key", visit.key)
        visit.send()
        for summary in visit.page.locator("summary").all():
            summary.click()
        visit.errors.clear()  # the browser logs refused requests
    axe = (npm.package("axe-core", "4.14.1") / "axe.min.js").read_text()
    visit.page.evaluate(axe)
    found = visit.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert found["passes"]
    assert [
        (each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]
    ] == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_page_asks_for_a_key_if_the_document_needs_one(browser: Browser, tmp_path: Path) -> None:
    project = copy_every(tmp_path)
    (project / "neurova.toml").write_text('[openapi]\naccess = "key"\n')
    with serving(project, "dev") as started:
        ready = started.event("ready")
        page = browser.new_page()
        page.goto(ready["url"] + "/docs")
        page.wait_for_selector("text=This document needs a key")
        assert page.locator("#functions a").count() == 0
        page.fill("#key", Path(ready["key_file"]).read_text().strip())
        page.keyboard.press("Enter")
        page.wait_for_selector("#functions a")
        assert page.locator("#functions a").count() == 8
        page.close()
