"""The page at /docs, as people meet it in a browser: complete, usable by all, closed to others."""

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
class Seen:
    """A page, and what it did that nobody sees."""

    page: Page
    url: str
    key: str
    requests: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def open(self, function: str = "") -> None:
        self.page.goto(f"{self.url}/docs#{function}")
        self.page.wait_for_selector("h1")

    def send(self) -> str:
        """Send the form and return the status that is shown."""
        self.page.click(".send")
        self.page.wait_for_selector(".send:enabled")
        return self.page.inner_text(".status")


@pytest.fixture(scope="module")
def booking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, str, str]]:
    """Serve Booking, and a service with all kinds of values, as `neurova dev` does."""
    project = copy_every(tmp_path_factory.mktemp("docs"))
    shutil.copytree(ROOT / "functions" / "booking", project / "functions" / "booking")
    with serving(project, "dev") as started:
        ready = started.event("ready")
        yield started, ready["url"], Path(ready["key_file"]).read_text().strip()


@pytest.fixture
def see(browser: Browser, booking: tuple[Serving, str, str]) -> Iterator[Callable[..., Seen]]:
    """Return what opens the page; at the end no request has left the origin, none was faulty."""
    opened: list[Seen] = []
    contexts = []

    def look(scheme: str = "light", width: int = 1280, height: int = 900) -> Seen:
        context: Any = browser.new_context(
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": height},
        )
        contexts.append(context)
        seen = Seen(context.new_page(), booking[1], booking[2])
        opened.append(seen)
        seen.page.on("request", lambda request: seen.requests.append(request.url))
        seen.page.on("pageerror", lambda error: seen.faults.append(str(error)))
        seen.page.on(
            "console",
            lambda message: seen.faults.append(message.text) if message.type == "error" else None,
        )
        return seen

    yield look
    for context in contexts:
        context.close()
    for seen in opened:
        assert [url for url in seen.requests if not url.startswith(seen.url)] == []
        assert seen.faults == []


def test_every_function_is_listed_and_found(see: Callable[..., Seen]) -> None:
    seen = see()
    seen.open()
    listed = seen.page.locator("#functions a")
    assert listed.count() == 16
    assert seen.page.inner_text("#functions h2 >> nth=0").lower() == "booking"
    seen.page.keyboard.press("/")
    seen.page.keyboard.type("post quote")
    assert listed.count() == 1
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_selector("h1 .post")
    assert "/quote" in seen.page.inner_text("h1")
    assert seen.page.title().startswith("POST /quote")
    assert seen.page.evaluate("document.activeElement.tagName") == "H1"
    assert "booking:read" in seen.page.inner_text(".facts")
    assert "600/minute" in seen.page.inner_text(".facts")


def test_a_function_is_tried_and_its_answer_shown(see: Callable[..., Seen]) -> None:
    seen = see()
    seen.open("booking.quote")
    seen.page.fill("#key", seen.key)
    stay = {"room_type": "b", "arrival": "2016-07-02", "nights": 2}
    seen.page.fill("#try-body", json.dumps(stay))
    assert seen.send().startswith("200 OK")
    answer = json.loads(seen.page.inner_text(".answer .body"))
    assert (answer["total"], answer["departure"]) == (220_00, "2016-07-04")
    assert "of 600 left" in seen.page.inner_text(".limits")
    curl = seen.page.inner_text(".curl pre")
    assert "-X POST" in curl
    assert "$NEUROVA_KEY" in curl


def test_values_go_where_they_belong(see: Callable[..., Seen]) -> None:
    seen = see()
    seen.open("every.read")
    seen.page.fill("#key", seen.key)
    seen.page.fill("#try-query-tags", "a b, c")
    seen.page.select_option("#try-query-colour", "red")
    seen.page.fill("#try-header-x-tenant", "acme")
    seen.page.fill("#try-header-x-parts", "1, 2")
    with seen.page.expect_request("**/things/**") as sent:
        status = seen.send()
    assert sent.value.url.endswith("colour=red&tags=a%20b&tags=c")
    assert sent.value.headers["x-tenant"] == "acme"
    assert sent.value.headers["x-parts"] == "1, 2"
    assert status.startswith("404")
    assert "No thing has the id" in seen.page.inner_text(".answer .body")
    seen.faults[:] = [text for text in seen.faults if "404" not in text]  # the browser's own word


def test_a_refusal_is_shown_whole(see: Callable[..., Seen]) -> None:
    seen = see()
    seen.open("booking.quote")
    assert "Give a key" in seen.page.inner_text(".actions")
    assert seen.send().startswith("401")
    assert "send it as X-API-Key" in seen.page.inner_text(".answer .body")
    seen.faults[:] = [text for text in seen.faults if "401" not in text]


def test_the_key_is_kept_nowhere(see: Callable[..., Seen]) -> None:
    seen = see()
    seen.open("booking.list_rooms")
    seen.page.fill("#key", seen.key)
    assert seen.send().startswith("200")
    assert seen.page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert seen.page.context.cookies() == []
    assert seen.key not in seen.page.url
    assert seen.key not in seen.page.inner_text("body")
    assert all(seen.key not in url for url in seen.requests)
    seen.page.reload()
    seen.page.wait_for_selector("h1")
    assert seen.page.input_value("#key") == ""


def test_what_a_document_says_is_only_ever_text(see: Callable[..., Seen]) -> None:
    seen = see()
    seen.open("every.change")
    assert "<img src=x onerror=alert(1)>" in seen.page.inner_text(".told")
    assert seen.page.locator("img").count() == 0
    refused = (
        """() => { try { document.body.innerHTML = "<b>x</b>" } catch (e) { return e.name } }"""
    )
    assert seen.page.evaluate(refused) == "TypeError"
    seen.faults.clear()  # the browser tells of what it refused


def test_a_type_that_holds_itself_opens_as_far_as_one_likes(see: Callable[..., Seen]) -> None:
    seen = see()
    seen.open("every.add")
    for _ in range(3):
        seen.page.locator(".told details:not([open]) > summary", has_text="below").or_(
            seen.page.locator(".told details:not([open]) > summary", has_text="tree")
        ).first.click()
    assert seen.page.locator(".told summary", has_text="below").count() >= 2


def test_all_of_it_works_without_a_mouse(see: Callable[..., Seen]) -> None:
    seen = see()
    seen.open()
    press = seen.page.keyboard.press
    press("/")
    press("ArrowDown")
    press("ArrowDown")
    press("Enter")
    seen.page.wait_for_selector(".try")
    reached = set()
    for _ in range(40):
        press("Tab")
        reached.add(
            seen.page.evaluate("document.activeElement.id || document.activeElement.className")
        )
    assert {"send", "small"} <= reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
@pytest.mark.parametrize("function", ["", "every.add", "every.read", "booking.quote"])
def test_nothing_stands_in_anybodys_way(
    see: Callable[..., Seen], scheme: str, width: int, function: str
) -> None:
    """axe-core finds no violation, and nothing is wider than the window."""
    seen = see(scheme, width)
    seen.open(function)
    if function:
        seen.page.fill("#key", seen.key)
        seen.send()
        for summary in seen.page.locator("summary").all():
            summary.click()
        seen.faults.clear()  # the browser says of its own what was refused
    axe = (npm.package("axe-core", "4.14.1") / "axe.min.js").read_text()
    seen.page.evaluate(axe)
    found = seen.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert found["passes"]
    assert [
        (each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]
    ] == []
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_behind_a_key_the_page_asks_for_it(browser: Browser, tmp_path: Path) -> None:
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
