"""Real bookings reach CRM through RabbitMQ, even if it is killed half-way."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from examples.replay import hotel, replay
from examples.replay.figures import find_differences
from examples.replay.runtimes import Storage
from tests.servers.rabbitmq import RabbitServer

ROWS = None if os.environ.get("NEUROVA_TEST_LONG") else 400


@pytest.mark.server
def test_replay_survives_a_killed_rabbitmq(
    own_rabbitmq: RabbitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill RabbitMQ after half of the bookings, and restart it during the other half."""
    rows = hotel.rows(only=ROWS)
    restart = threading.Thread(target=own_rabbitmq.start)

    def show_progress(what: str, total: int) -> Callable[[], None]:
        ticks = iter(range(1, total + 1))

        def tick() -> None:
            if what == "booking" and next(ticks) == total // 2:
                own_rabbitmq.kill()
                restart.start()

        return tick

    monkeypatch.setattr(replay, "show_progress", show_progress)
    storage = Storage(tmp_path, str(tmp_path / "booking.db"), own_rabbitmq.url)
    outcome = replay.replay(rows, 2, storage)
    restart.join()
    assert outcome.stored == outcome.file
    assert find_differences(outcome.file, outcome.stays, "CRM") == []
