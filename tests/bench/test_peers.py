"""Peers have pinned versions and cached environments."""

from __future__ import annotations

import re

import pytest
from bench import peers

NAMES = sorted(file.parent.name for file in peers.FOLDER.glob("*/requirements.txt"))


@pytest.mark.parametrize("name", NAMES)
def test_versions_are_pinned(name: str) -> None:
    lines = (peers.FOLDER / name / "requirements.txt").read_text().split()
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line) for line in lines)


def test_other_versions_get_another_environment() -> None:
    assert peers.environment("x", "a==1") != peers.environment("x", "a==2")
