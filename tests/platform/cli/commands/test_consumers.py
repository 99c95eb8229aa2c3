"""`neurova consumers`, `neurova plans`, and the transfer of keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLAN = """
[plans.gold]
scopes = ["items:read"]
limit = "3/minute"
quota = 5
"""


def test_commands_change_consumers_and_move_keys(
    cli: Callable[..., Any], project: Path, tmp_path: Path
) -> None:
    with (project / "neurova.toml").open("a") as file:
        file.write(PLAN)
    made = cli("keys", "create", "--consumer", "acme", "--quota", "7").stdout.strip()
    changed = cli("consumers", "set", "acme", "--plan", "gold", "--custom-id", "7", "--meta", "a=b")
    assert changed.output == "acme: plan gold, limits none\n"
    assert cli("plans").stdout.splitlines()[0] == "gold\titems:read\t3/minute\t5\t1"
    assert cli("consumers", "list").stdout == "acme\t1\tgold\t-\t7\ta=b\n"
    assert "unknown" in cli("consumers", "set", "acme", "--plan", "golden").output
    assert cli("consumers", "usage", "--json").stdout == "[]\n"

    exported = tmp_path / "keys.jsonl"
    assert cli("keys", "export", str(exported)).exit_code == 0
    assert made not in exported.read_text()
    state = project / ".neurova"
    for old in state.glob("keys.db*"):
        old.unlink()
    done = json.loads(cli("keys", "import", str(exported), "--json").stdout)
    assert done == {"keys": 1, "consumers": 1, "present": 0}
    again = json.loads(cli("keys", "import", str(exported), "--json").stdout)
    assert again["present"] == 1
    assert cli("consumers", "list").stdout == "acme\t1\tgold\t-\t7\ta=b\n"
    refused = cli("keys", "import", "-", stdin='{"kind": "key", "value": {"digest": "YQ=="}}')
    assert "line 1" in refused.output

    audit = [json.loads(line) for line in (state / "logs" / "audit.jsonl").read_text().splitlines()]
    begun = [line["command"] for line in audit if line["event"] == "begun"]
    assert begun[:2] == ["neurova keys create", "neurova consumers set"]
    assert made not in (state / "logs" / "audit.jsonl").read_text()
