"""The watchdog ends a phase that exceeds its deadline, and no other phase."""

from __future__ import annotations

import contextlib
import signal
import threading
import time

import pytest
from tests.serving import until

from neurova_gateway.plugins.watchdog import SIGNAL, PhaseTimeout, Watchdog


@pytest.fixture
def watchdog() -> Watchdog:
    return Watchdog(0.05)


def exceed(watchdog: Watchdog, *, swallows: bool = False) -> None:
    """Exceed the deadline; the watchdog raises its exception again until the phase ends."""
    try:
        if swallows:
            with contextlib.suppress(PhaseTimeout):
                time.sleep(30)
        time.sleep(30)
    finally:
        watchdog.running = None


def test_phase_that_swallows_the_exception_is_ended(watchdog: Watchdog) -> None:
    watchdog.start()
    try:
        watchdog.running = 1
        with pytest.raises(PhaseTimeout):
            exceed(watchdog, swallows=True)
    finally:
        watchdog.stop()


@pytest.mark.parametrize("running", [None, 2])
def test_late_signal_raises_nothing(running: int | None) -> None:
    """The signal may arrive after its phase has ended, or while another phase runs."""
    watchdog = Watchdog(0.2)
    watchdog.start()
    signal.pthread_sigmask(signal.SIG_BLOCK, [SIGNAL])
    try:
        watchdog.running = 1
        until(lambda: SIGNAL in signal.sigpending())
        watchdog.running = running
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [SIGNAL])  # now the signal handler runs
    finally:
        watchdog.running = None
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [SIGNAL])
        watchdog.stop()


def test_stop_restores_the_signal_handler(watchdog: Watchdog) -> None:
    """The watchdog's thread ends too."""
    before = signal.getsignal(SIGNAL)
    threads = threading.active_count()
    watchdog.start()
    watchdog.start()
    assert threading.active_count() == threads + 1
    watchdog.stop()
    watchdog.stop()
    assert signal.getsignal(SIGNAL) is before
    assert threading.active_count() == threads
