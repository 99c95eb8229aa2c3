"""The two versions of a model that a process serves: the newest and the previous one."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import perf_counter, time

from ..errors import NeurovaError
from ..execution.thread_pool import ThreadPool, ThreadPoolFull, Work
from ..http.problem import Reject
from ..traces.current import CURRENT
from .base import ModelVersion, Reference, UnknownModel
from .flavour import Features, Predict
from .records import ModelRecords, Prediction

LOGGER = logging.getLogger("neurova.models")
THREADS = 4  # per version, so that a prediction that hangs blocks only its version
QUEUE = 1_000
LOAD_WAIT = 10.0  # seconds that a call waits for the first version
MAX_FAULTS = 3  # consecutive failures after which a version is not used


class PredictionFailed(Exception):
    """A version returned no number; `hung`: its thread has not returned at all."""

    def __init__(self, what: str, *, hung: bool = False) -> None:
        super().__init__(what)
        self.hung = hung


class LoadedVersion:
    """A version in memory, and the threads that compute its predictions."""

    def __init__(self, version: ModelVersion, predict: Predict) -> None:
        self.version = version
        self.faults = 0  # in a row
        self._predict = predict
        self._threads = ThreadPool(THREADS, QUEUE)

    def compute(self, features: Features) -> float:
        """Return the prediction for one row. Raises PredictionFailed."""
        try:
            value = float(self._predict([features])[0])
        except Exception as error:
            raise PredictionFailed(f"raised {type(error).__name__}: {error}") from error
        if not math.isfinite(value):
            raise PredictionFailed(f"returned {value}")
        return value

    async def predict(self, features: Features, seconds: float) -> float:
        """Return the prediction within `seconds`. Raises PredictionFailed."""
        try:
            work = self._threads.run(self.compute, [features])
        except ThreadPoolFull:
            raise PredictionFailed("too many predictions wait") from None
        # A `call_later` timer costs less than asyncio.timeout, which must cancel the task.
        timer = work.get_loop().call_later(seconds, _expire, work)
        try:
            value, error = await work
        finally:
            timer.cancel()
        if error is _EXPIRED:
            hung = not work.withdraw()
            what = f"did not return within {seconds:g} s" if hung else "had no free thread"
            raise PredictionFailed(what, hung=hung)
        if error is not None:
            raise error
        return float(value)

    def warm(self, features: Features, timeout: float) -> None:
        """Predict once, from a thread other than the event loop's. Raises PredictionFailed."""
        done: Future[float] = Future()

        def run() -> None:
            try:
                done.set_result(self.compute(features))
            except BaseException as error:
                done.set_exception(error)

        threading.Thread(target=run, name="neurova-model", daemon=True).start()
        try:
            done.result(timeout)
        except TimeoutError:
            raise PredictionFailed(f"did not return within {timeout:g} s", hung=True) from None

    def stop(self) -> None:
        """Stop idle threads now, and busy threads after their predictions."""
        self._threads.stop()


_EXPIRED = TimeoutError()


def _expire(work: Work) -> None:
    if not work.done():
        work.set_result((None, _EXPIRED))


class ServedModel:
    """Predict with the version that an alias names; if that fails, with the previous version.

    After MAX_FAULTS faults in a row, a version is not used again until the alias moves. A fault is
    a call that hangs, or that fails although the other version answers it. `start` starts to load
    the first version.
    """

    def __init__(
        self,
        reference: Reference,
        records: ModelRecords,
        timeout: float,
        start: Callable[[], None] = lambda: None,
    ) -> None:
        self.reference = reference
        self.loaded: tuple[LoadedVersion, ...] = ()  # newest first; replaced, never changed
        self.error: NeurovaError | None = None
        self.records = records
        self._timeout = timeout
        self._start = start
        self._tried: Future[None] = Future()

    def use(self, newest: LoadedVersion) -> None:
        """Use a version from the next call on, and keep the previous version."""
        kept = [each for each in self.loaded if each is not newest][:1]
        dropped = [each for each in self.loaded if each is not newest][1:]
        newest.faults = 0
        self.loaded = (newest, *kept)
        self.error = None
        for each in dropped:
            each.stop()

    def set_tried(self) -> None:
        """Wake the calls that wait for the first attempt to load a version."""
        if not self._tried.done():
            self._tried.set_result(None)

    async def predict(self, features: Features) -> float:
        """Return the prediction. Raises Reject(503) if no version has returned a number."""
        if not self._tried.done():
            self._start()
            await asyncio.wait([asyncio.wrap_future(self._tried)], timeout=LOAD_WAIT)
        failed: list[tuple[LoadedVersion, PredictionFailed]] = []
        used, value, started = "", None, perf_counter()
        for each in self.loaded:
            used = each.version.version
            try:
                value = await each.predict(features, self._timeout)
            except PredictionFailed as error:
                failed.append((each, error))
            else:
                each.faults = 0
                break
        operation = CURRENT.get()
        self.records.add(
            Prediction(
                time(),
                *self.reference,
                used,
                features,
                value,
                (perf_counter() - started) * 1000,
                bool(failed) and value is not None,
                operation.function if operation else "",
                operation.trace_id if operation else 0,
            )
        )
        if failed:
            self._count_faults(failed, answered=value is not None)
        if value is None:
            raise self._unavailable()
        return value

    def _count_faults(
        self, failed: list[tuple[LoadedVersion, PredictionFailed]], *, answered: bool
    ) -> None:
        """Count faults; an error is no fault if no version can answer the input."""
        for each, error in failed:
            each.faults += answered or error.hung
            if each.faults in (0, 1) or each.faults == MAX_FAULTS:
                LOGGER.error("%s %s", each.version, error)
            if each.faults >= MAX_FAULTS and each in self.loaded:
                self.loaded = tuple(other for other in self.loaded if other is not each)
                each.stop()
                LOGGER.error("%s is no longer used until %s moves", each.version, self.reference)

    def _unavailable(self) -> Reject:
        if isinstance(self.error, UnknownModel):
            detail = (
                f"No model {self.reference} is registered: train one with `neurova model train` "
                "and promote it with `neurova model promote`."
            )
        else:
            detail = (
                f"The model {self.reference} is not available: see `neurova doctor` and the log."
            )
        return Reject(503, detail, headers={"retry-after": "5"})
