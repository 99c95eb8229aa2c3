"""`GET /reports/{name}`: its scope, parameters, limits, and place in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contracts.warehouses import make_sink, sold

from neurova.warehouse.socket import serve
from neurova_platform.composition import backends, inventory, warehouses
from neurova_platform.openapi.service import encode_document
from neurova_platform.testing.platform import TestPlatform

REPORTS = {
    "sales": """-- title: Sales of a day
-- scope: sales:read
-- parameter: since date 2026-01-01
-- parameter: least number 2
SELECT CAST(_time AS DATE) AS day, count(*) AS sales, sum(total) / 2.0 AS half FROM shop_Sold
WHERE _time >= CAST($since AS DATE) AND total >= $least GROUP BY day ORDER BY day
""",
    "endless": "SELECT count(*) FROM range(10000000) AS a, range(10000000) AS b, range(10) AS c "
    "WHERE a.range + b.range + c.range = -1",
    "faulty": "-- titel: x\nSELECT 1",
}
DAY = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def shop(tmp_path: Path, neurova_databases: Path) -> Iterator[TestPlatform]:
    """Serve the reports of a project whose warehouse has two days of sales."""
    project = tmp_path / "shop"
    (project / "functions").mkdir(parents=True)
    (project / "reports").mkdir()
    (project / "neurova.toml").write_text("[warehouse]\nenabled = true\ntimeout = 0.5\n")
    for name, text in REPORTS.items():
        (project / "reports" / f"{name}.sql").write_text(text)
    with TestPlatform(project, tmp_path / "state", neurova_databases) as running:
        yield running


@pytest.fixture
def served(shop: TestPlatform) -> Iterator[TestPlatform]:
    """Run the warehouse's writer in this process, as `neurova dev` does."""
    warehouse = backends.open_warehouse(shop.settings)
    operations = warehouses.make_operations(shop.settings, warehouse)
    make_sink(warehouse).store(sold(range(4), DAY) + sold(range(4, 6), DAY + 86_400))
    stack = AsyncExitStack()
    path = shop.settings.state / "warehouse" / warehouses.SOCKET
    shop.run(stack.enter_async_context(serve(path, operations)))
    yield shop
    shop.run(stack.aclose())
    operations.close()


DAYS = [["2026-03-01", 2, 2.5], ["2026-03-02", 2, 4.5]]


@pytest.mark.parametrize(
    ("query", "rows"),
    [("", DAYS), ("?since=2026-03-02", DAYS[1:]), ("?least=5", [["2026-03-02", 1, 2.5]])],
)
def test_report_answers_by_its_parameters(
    served: TestPlatform, query: str, rows: list[Any]
) -> None:
    answer = served.get(f"/reports/sales{query}", scopes=["sales:read"])
    assert answer.status == 200, answer.text
    assert answer.json() == {
        "columns": ["day", "sales", "half"],
        "rows": rows,
        "is_complete": True,
    }


@pytest.mark.parametrize(
    ("path", "scopes", "status", "what"),
    [
        ("/reports/sales", None, 401, ""),
        ("/reports/sales", ["reports:read"], 403, "sales:read"),
        ("/reports/sales?since=soon", ["sales:read"], 422, "/since"),
        ("/reports/sales?least=few", ["sales:read"], 422, "/least"),
        ("/reports/sales?until=2026-01-01", ["sales:read"], 422, "/until"),
        ("/reports/endless", ["reports:read"], 503, "cannot answer this now"),
        ("/reports/faulty", ["reports:read"], 404, ""),
    ],
)
def test_refused_report_has_its_status(
    served: TestPlatform, path: str, scopes: list[str] | None, status: int, what: str
) -> None:
    """No scope: 403. A bad parameter: 422. A query over its time limit: 503."""
    answer = served.get(path, scopes=scopes)
    assert (answer.status, what in answer.text) == (status, True), answer.text


def test_report_without_a_writer_is_unavailable(shop: TestPlatform) -> None:
    assert shop.get("/reports/sales", scopes=["sales:read"]).status == 503


def test_reports_are_listed_with_their_scopes(shop: TestPlatform) -> None:
    found = shop.get("/reports", scopes=["reports:read"]).json()
    assert {each["name"]: each["scope"] for each in found} == {
        "endless": "reports:read",
        "sales": "sales:read",
    }


def test_reports_are_in_the_openapi_document(shop: TestPlatform) -> None:
    """The command prints the same document that the platform serves."""
    found = shop.get("/openapi.json").json()
    assert set(found["paths"]) == {"/reports", "/reports/endless", "/reports/sales"}
    sales = found["paths"]["/reports/sales"]["get"]
    assert sales["security"] == [{"ApiKey": ["sales:read"]}, {"Bearer": ["sales:read"]}]
    assert "`since` (date), default `2026-01-01`" in sales["description"]
    assert "200" in sales["responses"]
    documented = inventory.load_documented(shop.settings)
    assert msgspec.json.decode(encode_document(documented, shop.settings)) == found
