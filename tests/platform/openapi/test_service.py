"""The platform's own functions serve document and page through the gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from neurova_platform import assets
from neurova_platform.openapi.service import document_access, encode_document, page_path
from neurova_platform.settings import loading as settings
from neurova_platform.testing.platform import TestPlatform

ODD_FUNCTION = """
from neurova import Reject, get

@get("/odd", public=True)
async def odd() -> str:
    raise Reject(410, "gone \\ud83d")
"""
PROJECT_FUNCTION = '''
"""A function of the project on a path of the platform."""
from neurova import get

@get("PATH", public=True)
async def mine(NAME) -> str:
    return "mine"
'''


@pytest.fixture
def run(probe_project: Path, tmp_path: Path) -> Iterator[Callable[[str], TestPlatform]]:
    """Return a function that runs the probe with additional lines of settings."""
    with ExitStack() as stack:

        def start(more: str = "") -> TestPlatform:
            file = probe_project / "neurova.toml"
            file.write_text(file.read_text() + more)
            return stack.enter_context(TestPlatform(probe_project, tmp_path / "state"))

        yield start


def test_document_is_public_in_dev_and_needs_a_key_in_run(probe_project: Path) -> None:
    loaded = settings.load(probe_project, environ={})
    assert document_access(loaded, "test") == "public"
    assert document_access(loaded, "live") == "key"
    for access in ("public", "key", "off"):
        loaded = settings.load(probe_project, environ={"NEUROVA_OPENAPI_ACCESS": access})
        assert document_access(loaded, "test") == document_access(loaded, "live") == access


@pytest.mark.parametrize(("access", "statuses"), [("key", [401, 200, 200]), ("off", [404] * 3)])
def test_access_setting_protects_the_document(
    run: Callable[[str], TestPlatform], access: str, statuses: list[int]
) -> None:
    """Any valid key may read the document; the page needs no key."""
    platform = run(f'[openapi]\naccess = "{access}"\n')
    asked = [platform.get("/openapi.json"), platform.get("/openapi.json", key=platform.key())]
    assert [each.status for each in (*asked, platform.get("/docs"))] == statuses
    assert platform.get("/docs/page.js").status == statuses[2]


def test_page_path_is_empty_if_the_page_is_off(probe: TestPlatform, probe_project: Path) -> None:
    functions = list(probe.platform.functions())
    assert page_path(functions, probe.settings, "live") == "/docs"
    off = settings.load(probe_project, environ={"NEUROVA_OPENAPI_ACCESS": "off"})
    assert page_path(functions, off, "live") == ""


def test_lone_surrogate_in_a_text_is_escaped(
    probe_project: Path, run: Callable[[str], TestPlatform]
) -> None:
    folder = next(each for each in (probe_project / "functions").iterdir() if each.is_dir())
    (folder / "odd.py").write_text(ODD_FUNCTION)
    document = run("").get("/openapi.json").json()
    assert document["paths"]["/odd"]["get"]["responses"]["410"]["description"] == "gone \\ud83d."


def test_served_document_is_that_of_the_project(probe: TestPlatform) -> None:
    response = probe.get("/openapi.json")
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    assert response.body == encode_document(probe.platform.functions(), probe.settings)
    assert "/echo" in response.json()["paths"]
    assert {each.service for each in probe.platform.functions()} == {"probe"}
    assert [each.route for each in probe.records()] == ["_neurova.document"]


def test_page_is_static_and_needs_no_key(run: Callable[[str], TestPlatform]) -> None:
    platform = run('[openapi]\naccess = "key"\n')
    for name, file in assets.page().items():
        path = "/docs" if name == "index.html" else f"/docs/{name}"
        response = platform.get(path)
        assert (response.status, response.body) == (200, file.read_bytes())
        assert response.headers["x-content-type-options"] == "nosniff"
        again = platform.get(path, headers={"if-none-match": response.headers["etag"]})
        assert again.status == 304


def test_page_has_no_foreign_origin_and_no_other_file(probe: TestPlatform) -> None:
    headers = probe.get("/docs").headers
    policy = dict(
        each.strip().split(" ", 1) for each in headers["content-security-policy"].split(";")
    )
    assert policy.pop("default-src") == "'none'"
    assert policy.pop("require-trusted-types-for") == "'script'"
    assert set(policy.values()) == {"'self'", "'none'"}
    for name, file in assets.page().items():
        text = file.read_text()
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", ""), name
        assert "https://" not in text, name
        assert "innerHTML" not in text, name
        assert "Storage" not in text, name
    for name in ("service.py", "nothing.js", "..%2f..%2fassets.py", "index.html"):
        assert probe.get(f"/docs/{name}").status in (400, 404)


def test_etag_changes_only_with_the_functions(probe: TestPlatform, probe_project: Path) -> None:
    tag = probe.get("/openapi.json").headers["etag"]
    for etags in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = probe.get("/openapi.json", headers={"if-none-match": etags})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert probe.get("/openapi.json").headers["etag"] == tag
    file = probe_project / "functions" / "probe" / "echo.py"
    file.write_text(file.read_text().replace("/echo", "/echoes"))
    probe.platform.load()
    after = probe.get("/openapi.json", headers={"if-none-match": tag})
    assert after.status == 200
    assert "/echoes" in after.json()["paths"]


@pytest.mark.parametrize(
    ("path", "parameter", "requested", "page_status"),
    [
        ("/openapi.json", "", "/openapi.json", 404),
        ("/{name}", "name: str", "/openapi.json", 200),
        ("/docs", "", "/docs", 200),
        ("/docs/{name}", "name: str", "/docs/page.js", 404),
    ],
)
def test_function_of_the_project_takes_precedence(
    probe_project: Path,
    run: Callable[[str], TestPlatform],
    path: str,
    parameter: str,
    requested: str,
    page_status: int,
) -> None:
    """The page is not served either if the document or one of its files is replaced."""
    source = PROJECT_FUNCTION.replace("PATH", path).replace("NAME", parameter)
    (probe_project / "functions" / "probe" / "mine.py").write_text(source)
    platform = run("")
    assert platform.get(requested).text == "mine"
    assert platform.get("/docs").status == page_status
    assert platform.get("/openapi.json").status == 200
