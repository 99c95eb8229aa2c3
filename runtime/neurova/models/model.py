"""A model as the parameter of a function."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Annotated, Any

from ..http.problem import Reject

if TYPE_CHECKING:
    from .flavour import Features
    from .versions import ServedModel

_MISSING: Any = object()


class Model:
    """Predict with the version of a model that an alias names: `Model["price-advice@champion"]`.

    Type checkers read `Annotated[Model, "price-advice@champion"]`, which means the same.
    """

    __slots__ = ("_served",)

    def __init__(self, served: ServedModel) -> None:
        self._served = served

    def __class_getitem__(cls, reference: str) -> Any:
        return Annotated[cls, reference]

    async def predict(self, features: Features, *, fallback: float = _MISSING) -> float:
        """Return the prediction for one row of features.

        If no version returns a finite number in time, return `fallback`, or without one raise
        Reject(503).
        """
        try:
            return await self._served.predict(features)
        except Reject:
            if fallback is _MISSING:
                raise
            return fallback

    async def observe(self, features: Features, value: float) -> None:
        """Record the true value for features, to measure the error of earlier predictions.

        This does not block; it is async so that `tx.after_commit` can call it without a thread.
        """
        from .records import Truth

        name = self._served.reference.name
        self._served.records.add(Truth(time(), name, features, value))
