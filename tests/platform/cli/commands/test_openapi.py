"""`neurova openapi`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_document_is_printed(cli: Callable[..., Any], project: Path) -> None:
    with (project / "neurova.toml").open("a") as file:
        file.write('[openapi]\nversion = "2.0"\nservers = ["https://api.example"]\n')
    made = json.loads(cli("openapi").stdout)
    assert made["openapi"].startswith("3.1.")
    assert (made["info"]["title"], made["info"]["version"]) == ("demo", "2.0")
    assert made["servers"] == [{"url": "https://api.example"}]
    assert made["paths"]["/hello/{name}"]["get"]["operationId"] == "hello.hello"
    assert json.loads(cli("openapi", "--json").stdout) == made


def test_document_is_written_to_a_file(cli: Callable[..., Any], project: Path) -> None:
    result = cli("openapi", "--output", "api.json")
    assert result.stdout == "api.json: 1 operations\n"
    assert json.loads((project / "api.json").read_text())["paths"]
    report = json.loads(cli("openapi", "--output", "api.json", "--json").stdout)
    assert report == {"file": "api.json", "operations": 1}
