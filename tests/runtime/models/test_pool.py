"""Loading model versions from a registry and following its aliases."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sklearn.preprocessing import FunctionTransformer
from tests.runtime.models.registry import EXAMPLE, MLMODEL, Registry, constant

from neurova.http.problem import Reject
from neurova.models.base import Reference
from neurova.models.local import LocalRegistry
from neurova.models.model import Model
from neurova.models.pool import ModelPool
from neurova.models.records import ModelRecords
from neurova.models.versions import LoadedVersion, ServedModel


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models" / "mlflow.db")


@pytest.fixture
def pool(registry: Registry) -> Iterator[ModelPool]:
    made = ModelPool(
        lambda: LocalRegistry(registry.path), ModelRecords([]), timeout=30, refresh=3600
    )
    yield made
    made.close()


def served_by(pool: ModelPool) -> ServedModel:
    pool.source("price@champion", "shop.quote")
    return pool.find(Reference("price", "champion"))


async def test_function_uses_the_version_of_the_alias(registry: Registry, pool: ModelPool) -> None:
    registry.add(1)
    registry.promote(1)
    first, second = (pool.source("price@champion", f"shop.f{n}")() for n in (1, 2))
    assert first._served is second._served  # loaded once
    assert await first.predict(EXAMPLE) == pytest.approx(1)  # starts the thread
    registry.add(2)
    registry.promote(2)
    await asyncio.to_thread(pool.refresh)
    assert await first.predict(EXAMPLE) == pytest.approx(2)


async def test_alias_moved_50_times_under_load_fails_no_call(
    registry: Registry, pool: ModelPool
) -> None:
    registry.add(1)
    registry.promote(1)
    served = served_by(pool)
    await asyncio.to_thread(pool.refresh)
    alive: weakref.WeakSet[LoadedVersion] = weakref.WeakSet()
    values: set[int] = set()
    is_done = False

    async def call() -> int:
        count = 0
        while not is_done:
            values.add(round(await served.predict(EXAMPLE)))  # raises if a prediction fails
            count += 1
        return count

    async with asyncio.TaskGroup() as group:
        callers = [group.create_task(call()) for _ in range(4)]
        for number in range(2, 52):
            registry.add(number, constant(number))
            registry.promote(number)
            await asyncio.to_thread(pool.refresh)
            alive.update(served.loaded)
            before = len(values)
            while number not in values:
                await asyncio.sleep(0)
            assert len(values) == before or number in values
        is_done = True
    assert sum(task.result() for task in callers) >= 50
    assert values == set(range(1, 52))
    gc.collect()
    assert {each.version.version for each in alive} == {"50", "51"}


BROKEN: dict[str, Callable[[Registry], Any]] = {
    "damaged": lambda registry: (registry.add(2) / "model.skops").write_bytes(b"PK damaged"),
    "missing": lambda registry: (registry.add(2) / "model.skops").unlink(),
    "no extra": lambda registry: (registry.add(2) / "neurova.json").write_text("{"),
    "pickle": lambda registry: registry.add(2, mlmodel=MLMODEL.replace(": skops", ": cloudpickle")),
    "outside": lambda registry: registry.add(2, mlmodel=MLMODEL.replace("model.s", "../1/model.s")),
    "other flavour": lambda registry: registry.add(2, mlmodel="flavors:\n  pytorch:\n"),
    "untrusted": lambda registry: registry.add(2, FunctionTransformer(threading.excepthook)),
    "no predict": lambda registry: registry.add(2, FunctionTransformer()),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_version_that_cannot_be_loaded_is_not_used(
    kind: str, registry: Registry, pool: ModelPool, caplog: pytest.LogCaptureFixture
) -> None:
    registry.add(1)
    registry.promote(1)
    served = served_by(pool)
    pool.refresh()
    BROKEN[kind](registry)
    registry.promote(2)
    pool.refresh()
    assert await served.predict(EXAMPLE) == pytest.approx(1)
    assert "price version 2 is not used" in caplog.text
    registry.promote(1)
    pool.refresh()
    assert served.error is None


async def test_missing_alias_is_a_503_that_names_the_command(
    registry: Registry, pool: ModelPool
) -> None:
    served = served_by(pool)
    pool.refresh()
    with pytest.raises(Reject, match="neurova model promote") as caught:
        await Model(served).predict(EXAMPLE)
    assert caught.value.status == 503


async def test_removed_alias_and_damaged_registry_keep_the_version(
    registry: Registry, pool: ModelPool
) -> None:
    registry.add(1)
    registry.promote(1)
    served = served_by(pool)
    pool.refresh()
    registry.promote(1, "other")
    with registry._connect() as connection:
        connection.execute("DELETE FROM registered_model_aliases")
    pool.refresh()
    assert await served.predict(EXAMPLE) == pytest.approx(1)
    registry.path.write_bytes(b"no database" * 100)
    pool.refresh()
    assert await served.predict(EXAMPLE) == pytest.approx(1)
