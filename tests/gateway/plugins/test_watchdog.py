"""A phase past its deadline is cut, and nothing else is."""

from __future__ import annotations

import contextlib
import signal
import threading
import time

import pytest

from neurova.errors import StateError
from neurova_gateway.plugins.watchdog import SIGNAL, PhaseTimeout, Watchdog


@pytest.fixture
def watchdog() -> Watchdog:
    return Watchdog(0.05)


def over(watchdog: Watchdog, *, swallows: bool = False) -> None:
    """Run past the deadline; a phase is cut again and again until it is over."""
    try:
        if swallows:
            with contextlib.suppress(PhaseTimeout):
                time.sleep(30)
        time.sleep(30)
    finally:
        watchdog.running = None


def test_cut(watchdog: Watchdog) -> None:
    """A phase that sleeps on is left by PhaseTimeout."""
    watchdog.start()
    try:
        watchdog.running = 1
        with pytest.raises(PhaseTimeout):
            over(watchdog)
    finally:
        watchdog.stop()


def test_swallowed_once(watchdog: Watchdog) -> None:
    """A phase that swallows the first cut is cut again."""
    watchdog.start()
    try:
        watchdog.running = 1
        with pytest.raises(PhaseTimeout):
            over(watchdog, swallows=True)
    finally:
        watchdog.stop()


def test_late_signal_hits_nobody() -> None:
    """A signal that arrives when its phase is over, or another runs, raises nothing."""
    watchdog = Watchdog(60.0)  # which condemns nobody here by itself
    watchdog.start()
    try:
        watchdog._condemned = 1
        for running in (None, 2):
            watchdog.running = running
            signal.raise_signal(SIGNAL)
        watchdog.running = 1
        with pytest.raises(PhaseTimeout):
            signal.raise_signal(SIGNAL)
    finally:
        watchdog.running = None
        watchdog.stop()


def test_signal_is_given_back(watchdog: Watchdog) -> None:
    """Once stopped, the signal does what it did before, and no thread is left."""
    before = signal.getsignal(SIGNAL)
    threads = threading.active_count()
    watchdog.start()
    watchdog.start()
    assert threading.active_count() == threads + 1
    watchdog.stop()
    watchdog.stop()
    assert signal.getsignal(SIGNAL) is before
    assert threading.active_count() == threads


def test_only_in_main_thread(watchdog: Watchdog) -> None:
    """Started elsewhere it says where to start it."""
    seen: list[str] = []

    def elsewhere() -> None:
        try:
            watchdog.start()
        except StateError as error:
            seen.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(seen) == 1
    assert "main thread" in seen[0]
