"""The examples that the stages pass to each other, and the parameters of the stages."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec

FOLDER = Path(__file__).parent
BUILD = FOLDER / "build"
TRAIN, TEST = BUILD / "train.jsonl", BUILD / "test.jsonl"
MODEL, VALIDATION = BUILD / "model", BUILD / "validation.json"
METRICS = FOLDER / "metrics.json"


class Example(msgspec.Struct, frozen=True):
    """One booking: its features, and its rate in euros."""

    arrival: date
    features: dict[str, str | float]
    rate: float


def write(file: Path, examples: list[Example]) -> None:
    """Write examples as JSON lines."""
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in examples))


def read(file: Path) -> list[Example]:
    """Return the examples of a file."""
    return [
        msgspec.json.decode(line, type=Example) for line in file.read_bytes().splitlines() if line
    ]


def parameters() -> dict[str, Any]:
    """Return the parameters of params.yaml."""
    import yaml

    found: dict[str, Any] = yaml.safe_load((FOLDER / "params.yaml").read_text())
    return found
