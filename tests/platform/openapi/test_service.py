"""The document is served by the platform's own functions, through the same gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from neurova_platform import assets
from neurova_platform.openapi.service import access, encoded, page
from neurova_platform.settings import loading as settings
from neurova_platform.testing.platform import TestPlatform

USERS = '''
"""Answer it oneself."""
from neurova import get

@get("PATH", public=True)
async def mine(NAME) -> str:
    return "mine"
'''


@pytest.fixture
def run(probe_project: Path, tmp_path: Path) -> Iterator[Callable[[str], TestPlatform]]:
    """Return what runs the probe with some more lines of settings."""
    with ExitStack() as stack:

        def started(more: str = "") -> TestPlatform:
            file = probe_project / "neurova.toml"
            file.write_text(file.read_text() + more)
            databases = tmp_path / "databases"
            databases.mkdir(exist_ok=True)
            return stack.enter_context(TestPlatform(probe_project, tmp_path / "state", databases))

        yield started


def test_it_is_open_while_one_develops_and_asks_for_a_key_in_production(
    probe_project: Path,
) -> None:
    loaded = settings.load(probe_project, environ={})
    assert access(loaded, "test") == "public"
    assert access(loaded, "live") == "key"
    for said in ("public", "key", "off"):
        loaded = settings.load(probe_project, environ={"NEUROVA_OPENAPI_ACCESS": said})
        assert access(loaded, "test") == access(loaded, "live") == said


def test_where_the_page_is_is_known(probe: TestPlatform, probe_project: Path) -> None:
    functions = list(probe.platform.functions())
    assert page(functions, probe.settings, "live") == "/docs"
    off = settings.load(probe_project, environ={"NEUROVA_OPENAPI_ACCESS": "off"})
    assert page(functions, off, "live") == ""


def test_a_text_that_utf_8_cannot_hold_does_not_cost_the_document(
    probe_project: Path, run: Callable[[str], TestPlatform]
) -> None:
    folder = next(each for each in (probe_project / "functions").iterdir() if each.is_dir())
    (folder / "odd.py").write_text(
        'from neurova import Reject, get\n\n\n@get("/odd", public=True)\n'
        'async def odd() -> str:\n    raise Reject(410, "gone \\ud83d")\n'
    )
    made = run("").get("/openapi.json").json()
    assert made["paths"]["/odd"]["get"]["responses"]["410"]["description"] == "gone \\ud83d."


def test_what_is_served_is_the_document_of_the_project(probe: TestPlatform) -> None:
    answer = probe.get("/openapi.json")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.body == encoded(probe.platform.functions(), probe.settings)
    assert "/echo" in answer.json()["paths"]


def test_with_a_key_means_with_any_key(run: Callable[[str], TestPlatform]) -> None:
    platform = run('[openapi]\naccess = "key"\n')
    assert platform.get("/openapi.json").status == 401
    assert platform.get("/openapi.json", key=platform.key()).status == 200


def test_off_is_off(run: Callable[[str], TestPlatform]) -> None:
    platform = run('[openapi]\naccess = "off"\n')
    for path in ("/openapi.json", "/docs", "/docs/page.js"):
        assert platform.get(path).status == 404


@pytest.mark.parametrize("said", ["key", "public"])
def test_the_page_is_there_without_a_key_and_holds_nothing_of_the_project(
    run: Callable[[str], TestPlatform], said: str
) -> None:
    platform = run(f'[openapi]\naccess = "{said}"\n')
    for name, file in assets.page().items():
        path = "/docs" if name == "index.html" else f"/docs/{name}"
        answer = platform.get(path)
        assert (answer.status, answer.body) == (200, file.read_bytes())
        assert answer.headers["x-content-type-options"] == "nosniff"
        again = platform.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert again.status == 304


def test_the_page_may_speak_to_its_own_origin_alone(probe: TestPlatform) -> None:
    headers = probe.get("/docs").headers
    policy = dict(
        each.strip().split(" ", 1) for each in headers["content-security-policy"].split(";")
    )
    assert policy.pop("default-src") == "'none'"
    assert policy.pop("require-trusted-types-for") == "'script'"
    assert set(policy.values()) == {"'self'", "'none'"}
    for name, file in assets.page().items():
        said = file.read_text()
        assert "http://" not in said.replace("http://www.w3.org/2000/svg", ""), name
        assert "https://" not in said, name
        assert "innerHTML" not in said, name
        assert "Storage" not in said, name


def test_no_other_file_is_given(probe: TestPlatform) -> None:
    for name in ("service.py", "nothing.js", "..%2f..%2fassets.py", "index.html"):
        assert probe.get(f"/docs/{name}").status in (400, 404)


def test_who_has_it_gets_it_no_second_time(probe: TestPlatform) -> None:
    tag = probe.get("/openapi.json").headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = probe.get("/openapi.json", headers={"if-none-match": known})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert probe.get("/openapi.json", headers={"if-none-match": '"other"'}).status == 200


def test_it_is_made_once_and_anew_with_the_functions(
    probe: TestPlatform, probe_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = probe.get("/openapi.json")
    assert probe.get("/openapi.json").headers["etag"] == before.headers["etag"]
    file = probe_project / "functions" / "probe" / "echo.py"
    file.write_text(file.read_text().replace("/echo", "/echoes"))
    probe.platform.load()
    after = probe.get("/openapi.json")
    assert after.headers["etag"] != before.headers["etag"]
    assert "/echoes" in after.json()["paths"]


@pytest.mark.parametrize(
    ("path", "name", "asked", "found"),
    [
        ("/openapi.json", "", "/openapi.json", 404),
        ("/{name}", "name: str", "/openapi.json", 200),
        ("/docs", "", "/docs", 200),
        ("/docs/{name}", "name: str", "/docs/page.js", 404),
    ],
)
def test_the_projects_own_function_wins(
    probe_project: Path,
    run: Callable[[str], TestPlatform],
    path: str,
    name: str,
    asked: str,
    found: int,
) -> None:
    """A page without the document, or without its files, is not served either."""
    source = USERS.replace("PATH", path).replace("NAME", name)
    (probe_project / "functions" / "probe" / "mine.py").write_text(source)
    platform = run("")
    assert platform.get(asked).text == "mine"
    assert platform.get("/docs").status == found
    assert platform.get("/openapi.json").status == 200


def test_the_projects_functions_are_its_own_alone(probe: TestPlatform) -> None:
    assert {each.service for each in probe.platform.functions()} == {"probe"}


def test_its_calls_are_recorded(probe: TestPlatform) -> None:
    probe.get("/openapi.json")
    probe.platform.call_records.flush()
    lines = (probe.settings.state / "logs" / "access.jsonl").read_text()
    assert '"_neurova.document"' in lines
