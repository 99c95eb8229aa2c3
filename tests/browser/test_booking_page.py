"""A guest books a room on the public page, in two languages and at any window width."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.servers import npm
from tests.servers.chromium import browser
from tests.serving import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Route

pytestmark = pytest.mark.server
__all__ = ["browser"]
ROOT = Path(__file__).parents[2]
SETTINGS = '[site]\nfolder = "web"\n[gateway]\ntrusted_proxies = ["127.0.0.1/32"]\n'
WIDTHS = (1280, 360)
counter = itertools.count(1)


@dataclass
class Visit:
    """A guest's browser, with the requests and errors of the page."""

    page: Page
    url: str
    arrival: date
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def search(self, nights: int = 2) -> None:
        self.page.fill("#arrival", str(self.arrival))
        self.page.fill("#departure", str(self.arrival + timedelta(nights)))
        self.page.click("#search button")
        self.page.wait_for_selector(".rooms li")

    def choose(self, name: str) -> None:
        self.page.locator(".rooms li", has_text=name).get_by_role("button").click()
        self.page.wait_for_selector("#book-title:focus")

    def enter(self, name: str = "Ada Lovelace", email: str = "ada@example.org") -> None:
        self.page.fill("#name", name)
        self.page.fill("#email", email)
        self.page.click("#book button")

    def read_number(self) -> str:
        self.page.wait_for_selector("#booking-title:focus")
        return self.page.inner_text("#booking-number")

    def check(self) -> None:
        """Check that axe finds no violation, and that everything fits into the window."""
        page = self.page
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        outside = """() => [...document.querySelectorAll("a, button, input, select, dd, p")]
          .filter(each => each.checkVisibility() && !each.matches(".hidden, .skip"))
          .filter(each => each.getBoundingClientRect().right > document.querySelector("main")
            .getBoundingClientRect().right - 16).map(each => each.outerHTML)"""
        assert page.evaluate(outside) == []
        page.evaluate((npm.package("axe-core", "4.14.1") / "axe.min.js").read_text())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert found["passes"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    project = tmp_path_factory.mktemp("page")
    shutil.copytree(ROOT / "functions" / "booking", project / "functions" / "booking")
    shutil.copytree(ROOT / "web", project / "web")
    (project / "neurova.toml").write_text(SETTINGS)
    with serving(project, "dev") as started:
        yield started.event("ready")["url"]


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens the page for a guest with their own dates and address."""
    visits: list[Visit] = []
    contexts: list[BrowserContext] = []

    def open_page(language: str = "en", scheme: str = "light", width: int = 1280) -> Visit:
        number = next(counter)
        context = browser.new_context(
            color_scheme=scheme,  # type: ignore[arg-type]  # a parameter of the tests
            viewport={"width": width, "height": 800},
            locale=language,
            extra_http_headers={"x-forwarded-for": f"192.0.2.{number}"},
        )
        contexts.append(context)
        page = context.new_page()
        opened = Visit(page, url, date.today() + timedelta(10 * number))
        visits.append(opened)
        page.on("request", lambda request: opened.requests.append(request.url))
        page.on("pageerror", lambda error: opened.errors.append(str(error)))
        page.on(
            "console",
            # The browser logs every refused request; the tests check how the page reacts to it.
            lambda message: (
                opened.errors.append(message.text)
                if message.type == "error" and "Failed to load resource" not in message.text
                else None
            ),
        )
        page.goto(url)
        page.wait_for_selector("nav [aria-current]")
        return opened

    yield open_page
    for context in contexts:
        context.close()
    for each in visits:
        assert [request for request in each.requests if not request.startswith(url)] == []
        assert each.errors == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en-GB", ["Find a room", "Studio", "Your room is booked", "Booked", "€220", "2 nights"]),
        ("tr-TR", ["Oda bulun", "Stüdyo", "Odanız ayrıldı", "Onaylandı", "€220", "2 gece"]),  # noqa: RUF001 - Turkish
    ],
)
def test_guest_books_a_room_and_finds_the_booking_again(
    visit: Callable[..., Visit], language: str, words: list[str]
) -> None:
    guest = visit(language)
    title, room, booked, state, price, nights = words
    page = guest.page
    assert page.get_attribute("html", "lang") == language[:2]
    assert page.inner_text("h1:visible") == title
    guest.search()
    guest.choose(room)
    guest.enter()
    number = guest.read_number()
    assert page.inner_text("#booking-title") == booked
    page.reload()
    page.wait_for_selector("#booked .status")
    assert page.inner_text("#booking-number") == number
    page.click("nav a[href='#/find']")
    page.fill("#number", number.lower().replace("-", " "))
    page.click("#find button")
    page.wait_for_selector("#booked:visible")
    shown = page.inner_text("#booked")
    assert all(word in shown for word in (room, state, price, nights))
    assert not [request for request in [*guest.requests, page.url] if number in request]
    assert page.context.cookies() == []


def test_language_can_be_switched_and_is_kept(visit: Callable[..., Visit]) -> None:
    guest = visit("de-DE")
    page = guest.page
    guest.search()
    assert page.inner_text(".rooms h3 >> nth=0") == "Classic double"
    page.click("button[lang=tr]")
    assert page.inner_text(".rooms h3 >> nth=0") == "Klasik çift kişilik"
    assert page.get_attribute("button[lang=tr]", "aria-pressed") == "true"
    page.reload()
    assert page.inner_text("h1:visible") == "Oda bulun"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", ["en", "tr"])
def test_each_step_is_accessible_and_fits_the_window(
    visit: Callable[..., Visit], scheme: str, width: int, language: str
) -> None:
    guest = visit(language, scheme, width)
    guest.check()
    guest.page.fill("#arrival", "2020-01-01")
    guest.page.click("#search button")
    guest.page.wait_for_selector("#arrival[aria-invalid]:focus")
    guest.check()
    guest.search()
    guest.check()
    guest.page.click(".rooms li:nth-child(3) button")
    guest.page.click("#book button")
    guest.page.wait_for_selector("#name[aria-invalid]:focus")
    guest.check()
    guest.enter()
    guest.read_number()
    guest.check()
    guest.page.click("nav a[href='#/find']")
    guest.page.fill("#number", "0000-0000-0000-0000-0000")
    guest.page.click("#find button")
    guest.page.wait_for_selector("#alert:visible")
    guest.check()
    guest.page.click("nav a[href='#/']")
    guest.page.wait_for_selector("#alert", state="hidden")


def test_room_can_be_booked_by_keyboard(visit: Callable[..., Visit]) -> None:
    guest = visit(width=360)
    page, press = guest.page, guest.page.keyboard.press

    def tab_to(selector: str) -> None:
        for _ in range(40):
            press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"Tab does not reach {selector}")

    tab_to(".skip")
    press("Enter")
    tab_to("#search button")
    press("Enter")
    page.wait_for_selector("#results-title:focus")
    assert "8 room types" in page.inner_text("#status")
    tab_to(".rooms li:nth-child(2) button")
    press("Enter")
    page.wait_for_selector("#book-title:focus")
    tab_to("#name")
    page.keyboard.type("Ada Lovelace")
    press("Tab")
    page.keyboard.type("ada@example.org")
    press("Enter")
    assert len(guest.read_number()) == 24


def test_refusals_are_shown_beside_their_fields(visit: Callable[..., Visit]) -> None:
    guest = visit()
    guest.search()
    guest.choose("Family suite")
    guest.enter(email="ada@localhost")
    assert guest.page.inner_text("#email-error").startswith("Enter an email address")
    guest.enter(name="\x85")  # blank for the API, but not for the browser
    guest.page.wait_for_selector("#name[aria-invalid]:focus")
    assert guest.page.inner_text("#name-error") == "Enter your name."
    guest.enter()
    assert guest.read_number()


def test_lost_response_books_once(visit: Callable[..., Visit]) -> None:
    """A booking without a response takes the only room; the guest's retry finds it."""
    guest = visit()
    guest.search()
    guest.choose("Studio")

    def lose_response(route: Route) -> None:
        route.fetch()
        route.abort()

    guest.page.route("**/guest/bookings", lose_response, times=1)
    guest.enter()
    guest.page.wait_for_selector("#alert:visible")
    assert "nothing is booked twice" in guest.page.inner_text("#alert")
    guest.page.click("#book button")
    assert guest.read_number()


def test_room_taken_meanwhile_brings_back_the_rooms(visit: Callable[..., Visit]) -> None:
    guest = visit()
    guest.search()
    guest.choose("Studio")
    body = {
        "number": "7Q4M-X2PD-9RTA-4WHE-K5NB",
        "room_type": "b",
        "arrival": str(guest.arrival),
        "nights": 1,
        "adults": 1,
        "total": 110_00,
        "guest": {"name": "Bob", "email": "bob@example.org"},
    }
    assert httpx.post(f"{guest.url}/guest/bookings", json=body).status_code == 201
    guest.enter()
    guest.page.wait_for_selector("#search-title:focus")
    assert "was just booked" in guest.page.inner_text("#alert")
    assert "Studio" not in guest.page.inner_text(".rooms")
