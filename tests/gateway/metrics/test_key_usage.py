import time
from pathlib import Path

from neurova_gateway.keys.base import Usage
from neurova_gateway.keys.sqlite import SqliteKeyStore
from neurova_gateway.metrics.key_usage import DAY, UsageCounter, day_of
from neurova_gateway.pipeline.call_records import CallRecord


def record(moment: float, status: int = 200, key_id: str = "k_1") -> CallRecord:
    return CallRecord(
        moment, "GET", "/items", status, 1.0, 9, "shop.items", "acme", key_id, "::1", "0" * 32
    )


def test_calls_are_counted_by_day_and_status(tmp_path: Path):
    midnight = time.time() // DAY * DAY
    counter = UsageCounter()
    counter.write([record(midnight - 0.001), record(midnight), record(midnight, 409)])
    counter.write([record(midnight + DAY - 1, 503), record(midnight, 401, key_id="")])
    store = SqliteKeyStore(tmp_path / "keys.db")
    counter.flush(store)
    days = day_of(midnight - DAY), day_of(midnight)
    assert list(store.usage(days[0])) == [
        Usage(days[0], "acme", "k_1", "shop.items", 1),
        Usage(days[1], "acme", "k_1", "shop.items", 3, 1, 1),
    ]
    store.close()
