"""A prediction through the platform, against the same model called directly.

Both predict one row with the same scikit-learn model, interleaved; the platform's call runs in its
thread with a deadline, and is recorded. Goal: at most 50 µs more CPU.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import uvloop
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from neurova.models.base import ModelVersion, Reference
from neurova.models.records import FileSink, ModelRecords
from neurova.models.versions import LoadedVersion, ServedModel

from .figure import Figure

CALLS = 200
CHUNKS = 30
GOAL = 50.0  # µs
FEATURES: dict[str, str | float] = {"room_type": "a", "season": 120.0, "nights": 3.0}


async def measure() -> tuple[float, float]:
    """Return the CPU µs of one prediction, ours and direct: the best of interleaved chunks."""
    model = make_pipeline(DictVectorizer(sparse=False), LinearRegression())
    model.fit([FEATURES, {"room_type": "b"}], [1.0, 2.0])
    with tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder:
        records = ModelRecords([FileSink(Path(folder))])
        served = ServedModel(Reference("bench", "champion"), records, 5.0)
        loaded = LoadedVersion(ModelVersion("bench", "1", "", {}), model.predict)
        served.use(loaded)
        served.set_tried()
        best = [float("inf")] * 2
        for _ in range(CHUNKS):
            started = time.process_time()
            for _ in range(CALLS):
                await served.predict(FEATURES)
            records.flush()
            best[0] = min(best[0], (time.process_time() - started) / CALLS * 1e6)
            started = time.process_time()
            for _ in range(CALLS):
                float(model.predict([FEATURES])[0])
            best[1] = min(best[1], (time.process_time() - started) / CALLS * 1e6)
        loaded.stop()
    return best[0], best[1]


def main() -> None:
    """Measure and write the result."""
    figure = Figure("models", __doc__)
    pairs = [uvloop.run(measure()) for _ in range(figure.duration.rounds)]
    figure.record("neurova, CPU", [ours for ours, _ in pairs], "µs")
    figure.record("scikit-learn, CPU", [other for _, other in pairs], "µs")
    figure.sample("neurova less scikit-learn", [ours - other for ours, other in pairs], GOAL, "µs")
    figure.write()


if __name__ == "__main__":
    main()
