"""The codec: encode and decode BookingCreated, against fastavro alone on the same values.

Ours goes from the publisher's class to CRM's class, with the head of the wire format; fastavro goes
from a dict to a dict, with both schemas parsed. Goal: at most 1.3 x the CPU.
"""

from __future__ import annotations

import time
from datetime import date
from io import BytesIO

import fastavro
import msgspec
from functions.booking.domain import BookingCreated
from functions.crm.keep_stays import BookingCreated as Received

from neurova.events.codec import HEAD, KEPT, codec_of, parse_schema, with_head

from .figure import Figure

CALLS = 500
CHUNKS = 40
GOAL = 1.3
EVENT = BookingCreated(
    "b1946ac92492d2347c6235b4d2611184",
    "agency-7",
    "direct",
    "a",
    date(2026, 8, 1),
    3,
    42_000,
    "Ada Lovelace",
    "ada@example.org",
)


def run_ours() -> None:
    """Encode and decode with the platform's codecs."""
    writer, reader = codec_of(BookingCreated), codec_of(Received)
    schema = writer.schema

    def find_schema(_: int) -> str:
        return schema

    for _ in range(CALLS):
        reader.decode(with_head(1, writer.encode(EVENT).body), find_schema)


def run_fastavro() -> None:
    """Encode and decode the same values with fastavro."""
    writer = parse_schema(codec_of(BookingCreated).schema)
    reader = parse_schema(codec_of(Received).schema)
    values = msgspec.to_builtins(EVENT, builtin_types=KEPT, str_keys=True)
    head = bytes(HEAD)
    for _ in range(CALLS):
        output = BytesIO()
        output.write(head)
        fastavro.schemaless_writer(output, writer, values)
        source = BytesIO(output.getvalue())
        source.seek(HEAD)
        fastavro.schemaless_reader(source, writer, reader)


def measure() -> tuple[float, float]:
    """Return the CPU µs per event, ours and fastavro's: the best of interleaved chunks."""
    best = [float("inf")] * 2
    for _ in range(CHUNKS):
        for index, run in enumerate((run_ours, run_fastavro)):
            started = time.process_time()
            run()
            best[index] = min(best[index], (time.process_time() - started) / CALLS * 1e6)
    return best[0], best[1]


def main() -> None:
    """Measure and write the result."""
    figure = Figure("codec", __doc__)
    pairs = [measure() for _ in range(figure.duration.rounds)]
    figure.record("neurova, CPU", [ours for ours, _ in pairs], "µs")
    figure.record("fastavro, CPU", [other for _, other in pairs], "µs")
    figure.sample("neurova ÷ fastavro", [ours / other for ours, other in pairs], GOAL, "x")
    figure.write()


if __name__ == "__main__":
    main()
