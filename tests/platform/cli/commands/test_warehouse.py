"""`neurova sql`, `neurova warehouse` and `neurova report`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.warehouses import Sold, sold

from neurova.events.codec import codec_of
from neurova.warehouse.sink import Sink
from neurova_platform.composition import backends, state
from neurova_platform.composition.warehouses import make_policy
from neurova_platform.settings.loading import load

REPORT = """-- title: Sales
-- parameter: least number 1
-- plot: bars item total
SELECT item, total FROM shop_Sold WHERE total >= $least ORDER BY item
"""
PARQUET = b"PAR1"
SELECT = "SELECT item, total FROM shop_Sold ORDER BY item"


@pytest.fixture
def shop(project: Path) -> Path:
    """Return a project whose warehouse holds three sales, two of them to one customer."""
    with (project / "neurova.toml").open("a") as file:
        file.write("[warehouse]\nenabled = true\n")
    (project / "reports").mkdir()
    (project / "reports" / "sales.sql").write_text(REPORT)
    settings = load()
    state.prepare(settings.state)
    warehouse = backends.open_warehouse(settings)
    sink = Sink(warehouse, make_policy(settings), lambda _: codec_of(Sold).schema)
    sink.store(sold(range(1, 3), customer="ada@example.org") + sold([3]))
    warehouse.close()
    return project


COMMANDS = [
    (["sql", SELECT, "--format", "csv"], "item,total\nitem1,1\nitem2,2\nitem3,3\n"),
    (["sql", SELECT, "--json", "--rows", "1"], '"item1"'),
    (["sql", SELECT, "--format", "parquet", "--output", "out"], "Created out\n"),
    (["report", "list"], "least=1"),
    (["report", "show", "sales", "--set", "least=3", "--format", "csv"], "item,total\nitem3,3\n"),
    (["report", "show", "sales", "--plot", "out.svg"], "Created out.svg\n"),
    (["warehouse", "tables"], "item, total, customer"),
    (["warehouse", "archive"], "Wrote 1 files\n"),
    (["warehouse", "verify"], "2026-03-01"),
    (["warehouse", "backfill"], "added 0 rows"),
    (["warehouse", "export", "shop_Sold", "out"], "Created out\n"),
    (["warehouse", "forget", "ada@example.org"], "rows of 1 days changed"),
    (["warehouse", "forget", "bob@example.org"], "No row has one of these values\n"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "shown"), COMMANDS)
def test_command_prints_its_answer(
    cli: Callable[..., Any], shop: Path, words: list[str], shown: str
) -> None:
    if words[-1] in ("verify", "backfill"):
        cli("warehouse", "archive")
    result = cli(*words)
    assert (result.exit_code, shown in result.stdout) == (0, True), result.output
    if words[-1] == "out":
        assert (shop / "out").read_bytes()[:4] == PARQUET
    if words[-1] == "out.svg":
        assert "item3" in (shop / "out.svg").read_text()


REFUSED = [
    (["sql", "DROP TABLE nv_shop_Sold"], "SELECT"),
    (["sql", "SELECT * FROM read_csv('/etc/passwd')"], "read_csv"),
    (["sql", SELECT, "--format", "parquet"], "--output FILE belong together"),
    (["report", "show", "sale"], "use one of sales"),
    (["report", "show", "sales", "--set", "least"], "write --set NAME=VALUE"),
    (["report", "show", "sales", "--set", "least=few"], "not a number"),
    (["warehouse", "export", "shop_Bought", "out"], "shop_Bought"),
    (["warehouse", "export", "a;b", "out"], "is not a valid name"),
]


@pytest.mark.parametrize(("words", "shown"), REFUSED)
def test_refused_command_says_what_is_wrong(
    cli: Callable[..., Any], shop: Path, words: list[str], shown: str
) -> None:
    result = cli(*words)
    assert result.exit_code != 0
    assert shown in result.stderr
    assert json.loads(cli("sql", SELECT, "--json").stdout)


def test_fault_in_the_archive_fails_verify(cli: Callable[..., Any], shop: Path) -> None:
    cli("warehouse", "archive")
    (file,) = load().warehouse_archive.rglob("*.parquet")
    file.write_bytes(PARQUET)
    result = cli("warehouse", "verify", "--json")
    (found,) = json.loads(result.stdout)
    assert result.exit_code == 1
    assert str(file) in found["fault"]


@pytest.mark.parametrize(
    "words", [["sql", SELECT], ["report", "show", "sales"], ["warehouse", "tables"]]
)
def test_warehouse_that_is_off_names_the_setting(
    cli: Callable[..., Any], shop: Path, words: list[str]
) -> None:
    file = shop / "neurova.toml"
    file.write_text(file.read_text().replace("enabled = true", ""))
    assert "[warehouse]" in cli(*words).stderr
