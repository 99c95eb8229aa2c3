"""`neurova schema`: its checks without and with a registry."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from neurova_platform.cli.group import root

DOMAIN = "from neurova import Event\nclass Sold(Event):\n    number: int\n"
MAIL = """from neurova import Event, on
class Sold(Event, source="shop"):
    number: int
@on(Sold)
async def mail(event: Sold) -> None: ...
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {
        "neurova.toml": "",
        "functions/shop/domain.py": DOMAIN,
        "functions/mailer/mail.py": MAIL,
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(root, ["schema", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def change(project: Path, fields: str) -> None:
    (project / "functions/shop/domain.py").write_text(
        f"from neurova import Event\nclass Sold(Event):\n    {fields}\n"
    )


@pytest.mark.parametrize("keeps_registry", [True, False], ids=["registry", "committed file"])
def test_check_stops_a_break_and_names_it(project: Path, keeps_registry: bool) -> None:
    run("push")
    if keeps_registry:
        shutil.rmtree(project / "functions/shop/schemas")
    else:
        shutil.rmtree(project / ".neurova")
    run("check")
    change(project, "number: int; buyer: str")
    (report,) = json.loads(run("check", "--json", code=1))
    (found,) = report["breaks"]
    assert (found["event"], found["path"]) == ("shop.Sold", "buyer")
    assert found["version"].startswith("version 1 (")
    assert json.loads(report["corrected"])["fields"][1]["type"] == ["null", "string"]
    change(project, "number: int; buyer: str | None = None")
    assert "compatible" in run("check")


def test_check_names_the_consumers_hit(project: Path) -> None:
    change(project, "other: int = 0")
    (report,) = json.loads(run("check", "--json", code=1))
    (found,) = report["breaks"]
    assert (found["path"], found["consumers"]) == (
        "number",
        ["mailer.mail (functions/mailer/mail.py:4)"],
    )


def test_push_registers_and_commits_each_version_once(project: Path) -> None:
    assert "wrote functions/shop/schemas/Sold.1.avsc" in run("push")
    assert run("push") == "shop.Sold: id 1\n"
    change(project, "number: str")
    assert "cannot be read" in run("push", code=5)
    assert "Sold.2.avsc" in run("push", "--force")
    assert json.loads(run("list", "--json")) == [
        {"subject": "shop.Sold-value", "versions": [1, 2], "level": "BACKWARD"}
    ]
    assert json.loads(run("show", "shop.Sold", "--version", "1"))["fields"][0]["type"] == "long"
    change(project, "number: int")
    assert '-      "type": "string"' in run("diff")


def test_changed_event_of_booking_is_stopped(project: Path) -> None:
    """The committed schemas match the events in the code."""
    functions = Path(__file__).parents[4] / "functions"
    shutil.rmtree(project / "functions")
    shutil.copytree(functions, project / "functions")
    assert run("check").count("compatible") == 4
    domain = project / "functions/booking/domain.py"
    text = domain.read_text()
    start = text.index("class BookingCreated")
    domain.write_text(text[:start] + text[start:].replace("nights: int", "stay: int", 1))
    output = run("check", "booking", code=1)
    assert "booking.BookingCreated: stay: new field without a default" in output
    assert "booking.BookingCreated: nights: field removed, but readers need it" in output
    assert "(functions/crm/keep_stays.py:" in output
    assert "A schema that passes:" in output


def test_unknown_names_are_refused(project: Path) -> None:
    run("check", "other", code=3)
    run("show", "shop.Other", code=1)
