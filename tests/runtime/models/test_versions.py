"""A failing model version is replaced by the previous one; without one, calls get 503."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from neurova.http.problem import Reject
from neurova.models.base import ModelVersion, Reference
from neurova.models.model import Model
from neurova.models.records import ModelRecords, Truth
from neurova.models.versions import MAX_FAULTS, LoadedVersion, ServedModel

FEATURES = {"nights": 2.0}
REFERENCE = Reference("price", "champion")


class Rows:
    """Keep the recorded rows."""

    def __init__(self) -> None:
        self.rows: list[Any] = []

    def record(self, table: str, rows: Sequence[Any]) -> None:
        self.rows += rows


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Yield the event that hanging predictions wait for."""
    event = threading.Event()
    yield event
    event.set()


def faulty(kind: str, release: threading.Event) -> Any:
    def predict(rows: Sequence[Any]) -> Sequence[float]:
        if kind == "raises":
            raise KeyError("nights")
        if kind == "hangs":
            release.wait(60)
        return [math.inf if kind == "infinite" else math.nan]

    return predict


def version(number: int, predict: Any) -> LoadedVersion:
    return LoadedVersion(ModelVersion("price", str(number), "", {}), predict)


def serve(*versions: LoadedVersion, timeout: float = 5.0) -> tuple[ServedModel, Rows]:
    rows = Rows()
    served = ServedModel(REFERENCE, ModelRecords([rows]), timeout)
    for each in versions:
        served.use(each)
    served.set_tried()
    return served, rows


@pytest.mark.parametrize("kind", ["raises", "hangs", "nan", "infinite"])
async def test_faulty_version_is_answered_by_the_one_before(
    kind: str, release: threading.Event
) -> None:
    timeout = 0.05 if kind == "hangs" else 5.0
    newest = version(2, faulty(kind, release))
    served, rows = serve(version(1, lambda rows: [1.0]), newest, timeout=timeout)
    values = [await served.predict(FEATURES) for _ in range(MAX_FAULTS + 2)]
    assert values == [1.0] * len(values)
    assert newest not in served.loaded  # later calls do not wait for it
    served.records.flush()
    assert [row["fallback"] for row in rows.rows] == [True] * MAX_FAULTS + [False] * 2


@pytest.mark.parametrize("kind", ["raises", "hangs", "nan"])
async def test_fault_without_another_version_is_503_or_the_fallback(
    kind: str, release: threading.Event
) -> None:
    served, _ = serve(version(1, faulty(kind, release)), timeout=0.05 if kind == "hangs" else 5.0)
    for _ in range(MAX_FAULTS + 2):
        with pytest.raises(Reject, match="price@champion") as caught:
            await served.predict(FEATURES)
        assert caught.value.status == 503
    assert await Model(served).predict(FEATURES, fallback=7.0) == 7.0
    # A hanging version is dropped, because each call would block a thread.
    assert bool(served.loaded) == (kind != "hangs")


async def test_input_that_no_version_answers_drops_no_version(release: threading.Event) -> None:
    served, _ = serve(*(version(number, faulty("raises", release)) for number in (1, 2)))
    for _ in range(MAX_FAULTS * 2):
        with pytest.raises(Reject):
            await served.predict(FEATURES)
    assert len(served.loaded) == 2


async def test_fault_now_and_then_keeps_the_version() -> None:
    calls = iter([math.nan, 2.0] * 10)
    newest = version(2, lambda rows: [next(calls)])
    served, _ = serve(version(1, lambda rows: [1.0]), newest)
    assert [await served.predict(FEATURES) for _ in range(20)] == [1.0, 2.0] * 10
    assert served.loaded[0] is newest


async def test_prediction_is_recorded_with_version_and_hash() -> None:
    served, rows = serve(version(1, lambda rows: [1.5]))
    await served.predict({"nights": 2, "room": "a"})
    await served.predict({"room": "a", "nights": 2.0})
    await Model(served).observe({"nights": 2.0, "room": "a"}, 2.0)
    served.records.flush()
    predictions, truth = rows.rows[:2], rows.rows[2]
    assert [(row["version"], row["value"]) for row in predictions] == [("1", 1.5)] * 2
    assert {row["inputs_hash"] for row in rows.rows} == {truth["inputs_hash"]}
    assert truth["value"] == 2.0


def test_records_beyond_the_bound_or_a_full_disk_are_counted() -> None:
    class FullDisk:
        def record(self, table: str, rows: Sequence[Any]) -> None:
            raise OSError(28, "No space left on device")

    records = ModelRecords([FullDisk()], bound=3)
    for _ in range(5):
        records.add(Truth(0.0, "price", FEATURES, 1.0))
    assert records.dropped == 2
    records.flush()
    assert records.dropped == 5
