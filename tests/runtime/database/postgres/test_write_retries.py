"""When writers run one at a time."""

from __future__ import annotations

from neurova.database.postgres.write_retries import WriteRetries


def record_many_conflicts(retries: WriteRetries) -> None:
    for _ in range(10):
        retries.record_conflict()


def test_rare_conflicts_keep_writers_concurrent() -> None:
    retries = WriteRetries()
    for _ in range(1_000):
        retries.record_conflict()
        for _ in range(9):
            retries.record_success(alone=False)
        assert not retries.should_serialize()


def test_many_conflicts_serialize_writers() -> None:
    retries = WriteRetries()
    record_many_conflicts(retries)
    assert retries.should_serialize()


def test_concurrency_is_tried_again_after_exclusive_writers() -> None:
    retries = WriteRetries()
    record_many_conflicts(retries)
    alone = 0
    while retries.should_serialize():
        retries.record_success(alone=True)
        alone += 1
    assert 10 < alone < 100
    retries.record_conflict()
    assert retries.should_serialize()
