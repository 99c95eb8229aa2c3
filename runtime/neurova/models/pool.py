"""The models that the functions of a process share, and the thread that keeps them current."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from ..errors import NeurovaError
from ..execution.repeated import log_repeated
from .base import (
    BrokenModel,
    ModelRegistry,
    ModelVersion,
    Reference,
    UnknownModel,
    parse_model_reference,
)
from .flavour import load_extra, load_predict
from .model import Model
from .records import ModelRecords
from .versions import LoadedVersion, PredictionFailed, ServedModel

LOGGER = logging.getLogger("neurova.models")
WARM_TIMEOUT = 30.0  # seconds for the first prediction, which imports and allocates


class ModelPool:
    """Load each model once, and load the new version when its alias moves.

    Every `refresh` seconds a thread asks the registry which version has the alias. It loads a new
    version and predicts once with its example before calls use it.
    """

    def __init__(
        self,
        open_registry: Callable[[], ModelRegistry],
        records: ModelRecords,
        *,
        timeout: float,
        refresh: float,
        trusted: Sequence[str] = (),
    ) -> None:
        self.records = records
        self._open_registry = open_registry
        self._registry: ModelRegistry | None = None
        self._timeout = timeout
        self._refresh_seconds = refresh
        self._trusted = trusted
        self._served: dict[Reference, ServedModel] = {}
        self._versions: dict[Reference, str] = {}  # version of each alias at the last load
        self._failures: dict[Reference, int] = {}
        self._wake = threading.Event()
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    def source(self, text: str, function: str) -> Callable[[], Model]:
        """Return a function that returns the model with this reference, shared by all functions."""
        reference = parse_model_reference(text)
        if reference not in self._served:
            self._served[reference] = ServedModel(
                reference, self.records, self._timeout, self.start
            )
        model = Model(self._served[reference])
        return lambda: model

    def find(self, reference: Reference) -> ServedModel:
        """Return the model of a reference that a function uses."""
        return self._served[reference]

    def start(self) -> None:
        """Load the models in the background."""
        if self._served and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="models", daemon=True)
            self._thread.start()
        self._wake.set()

    def refresh(self) -> None:
        """Load the new versions of moved aliases now, and write the records."""
        for reference in list(self._served):
            self._follow(self._served[reference])
        self.records.flush()

    def close(self) -> None:
        """Stop the thread and write the remaining records."""
        self._is_stopping = True
        self._wake.set()
        if self._thread is not None:
            # Loading a model cannot be interrupted: wait, then leave the daemon thread to the exit.
            self._thread.join(self._timeout)
        self.records.flush()
        for served in self._served.values():
            for each in served.loaded:
                each.stop()

    def _run(self) -> None:
        while not self._is_stopping:
            self._wake.clear()
            self.refresh()
            self._wake.wait(self._refresh_seconds)

    def _follow(self, served: ServedModel) -> None:
        reference = served.reference
        try:
            if self._registry is None:
                self._registry = self._open_registry()
            version = self._registry.resolve(reference)
            if self._versions.get(reference) != version.version:
                served.use(self._load(self._registry, served, version))
                self._versions[reference] = version.version
                LOGGER.info("%s is now version %s", reference, version.version)
            self._failures[reference] = 0
        except BrokenModel as error:
            # The files of a version never change: retry only after the alias has moved.
            self._versions[reference] = version.version
            served.error = error
            LOGGER.error("%s is not used: %s", version, error)
        except UnknownModel as error:
            if served.error is None:
                LOGGER.info("%s", error)
            served.error = error
        except Exception as error:  # the thread must go on for the other models
            served.error = error if isinstance(error, NeurovaError) else None
            failures = self._failures[reference] = self._failures.get(reference, 0) + 1
            log_repeated(LOGGER, failures, error, "The model %s cannot be used", str(reference))
        finally:
            served.set_tried()

    def _load(
        self, registry: ModelRegistry, served: ServedModel, version: ModelVersion
    ) -> LoadedVersion:
        """Return a version, ready for calls. Raises BrokenModel if it cannot predict."""
        for each in served.loaded:
            if each.version == version:
                return each
        loaded = LoadedVersion(version, load_predict(registry, version, self._trusted))
        example = load_extra(registry, version).example
        if example:
            try:
                loaded.warm(example, WARM_TIMEOUT)
            except PredictionFailed as error:
                raise BrokenModel(f"it {error} for its example", where=str(version)) from error
        return loaded
