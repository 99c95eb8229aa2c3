"""The audit log: two lines for each change in a private file, without keys."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from neurova.errors import Unavailable
from neurova_gateway.admin.audit import Audit


def test_change_is_logged_before_and_after_without_keys(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "audit.jsonl"
    audit = Audit(path)
    change = audit.begin(method="POST", path="/v1/keys")
    audit.end(change, status=201, key="nrv_live_0123456789abcdef")
    begun, ended = map(json.loads, path.read_text().splitlines())
    assert (begun["event"], ended["event"]) == ("begun", "ended")
    assert begun["id"] == ended["id"] == change
    assert ended["status"] == 201
    assert "0123456789abcdef" not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_torn_line_of_a_full_disk_damages_no_other_line(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.jsonl")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, before[1]))
    try:
        with pytest.raises(Unavailable, match="nothing was changed"):
            audit.begin(method="POST")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    change = audit.begin(method="POST")
    torn, begun = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert len(torn) == 20
    assert json.loads(begun)["id"] == change
