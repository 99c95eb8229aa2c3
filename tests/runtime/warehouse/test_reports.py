"""Reports: headings, parameters, and their plots."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from neurova.errors import ConfigError
from neurova.warehouse.base import QueryRefused, Result
from neurova.warehouse.plot import draw
from neurova.warehouse.reports import InvalidParameter, Parameter, Plot, load, names

TEXT = """-- title: Sales <by> month
-- scope: sales:read
-- parameter: since date 2026-01-01
-- parameter: least number 5
-- parameter: shop text main
-- plot: lines month a b
SELECT 1
"""


def write(folder: Path, text: str, name: str = "sales.sql") -> Path:
    (folder / name).write_text(text)
    return folder


def test_headings_describe_the_report(tmp_path: Path) -> None:
    found = load(write(tmp_path, TEXT), "sales", "duckdb")
    assert (found.title, found.scope) == ("Sales <by> month", "sales:read")
    assert found.parameters[1] == Parameter("least", "number", "5")
    assert found.plot == Plot("lines", "month", ("a", "b"))
    assert found.bind({"least": "7.5"}) == {"since": "2026-01-01", "least": 7.5, "shop": "main"}


def test_report_of_the_dialect_precedes(tmp_path: Path) -> None:
    write(tmp_path, TEXT)
    write(tmp_path, "SELECT 2", "sales.clickhouse.sql")
    assert load(tmp_path, "sales", "clickhouse").sql == "SELECT 2"
    assert load(tmp_path, "sales", "duckdb").sql == TEXT
    assert names(tmp_path) == ["sales"]


@pytest.mark.parametrize(
    ("given", "what"),
    [({"since": "soon"}, "not a date"), ({"least": "x"}, "not a number"), ({"y": "1"}, "since")],
)
def test_value_that_does_not_fit_is_refused(
    tmp_path: Path, given: dict[str, str], what: str
) -> None:
    with pytest.raises(InvalidParameter, match=what):
        load(write(tmp_path, TEXT), "sales", "duckdb").bind(given)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("-- titel: x", "use title"),
        ("-- parameter: since day 1", "NAME KIND DEFAULT"),
        ("-- parameter: since date soon", "not a date"),
        ("-- plot: pie a b", "bars X Y"),
    ],
)
def test_faulty_heading_is_named_with_its_line(tmp_path: Path, line: str, what: str) -> None:
    with pytest.raises(ConfigError, match=rf"sales\.sql:2.*{what}"):
        load(write(tmp_path, f"-- title: x\n{line}\nSELECT 1"), "sales", "duckdb")


@pytest.mark.parametrize("name", ["other", "../sales", "Sales"])
def test_unknown_report_names_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="use one of sales"):
        load(write(tmp_path, TEXT), name, "duckdb")


@pytest.mark.parametrize("kind", ["bars", "lines"])
def test_plot_is_an_svg_with_all_values(kind: str) -> None:
    rows = [(f"<{number}>", number - 2, None) for number in range(40)]
    result = Result(("x", "a", "b"), rows)
    root = ET.fromstring(draw("A & B", Plot(kind, "x", ("a", "b")), result))  # type: ignore[arg-type]
    texts = [each.text for each in root.iter() if each.text]
    assert "A & B" in texts
    assert "<0>" in texts
    drawn = len([each for each in root.iter() if each.tag.endswith(("polyline", "rect"))])
    assert drawn == (2 + 3 if kind == "lines" else 80 + 3)


def test_plot_of_what_is_not_there_is_refused() -> None:
    with pytest.raises(QueryRefused, match="no column 'y'"):
        draw("t", Plot("bars", "x", ("y",)), Result(("x",), []))
    with pytest.raises(QueryRefused, match="not a number"):
        draw("t", Plot("bars", "x", ("y",)), Result(("x", "y"), [(1, "red")]))
    assert "svg" in draw("t", Plot("bars", "x", ("y",)), Result(("x", "y"), []))
