"""A call continues the trace in its traceparent header, or begins a new trace."""

import pytest

from neurova.http.call import Call
from neurova.http.trace_context import begin_trace
from neurova.traces.current import format_traceparent
from neurova.traces.traceparent import parse_traceparent

ID, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"


def call_with(*values: bytes) -> Call:
    call = Call("GET", b"/", b"", [(b"traceparent", value) for value in values], "")
    begin_trace(call)
    return call


@pytest.mark.parametrize(
    "value", [b"00-%b-%b-01" % (ID, SPAN), b"01-%b-%b-01-what-comes" % (ID, SPAN)]
)
def test_valid_traceparent_is_continued(value: bytes) -> None:
    call = call_with(value)
    assert call.trace_id == int(ID, 16)
    assert call.parent_id == int(SPAN, 16)
    assert call.span_id not in (0, call.parent_id)
    assert format_traceparent(call) == f"00-{ID.decode()}-{call.span_id:016x}-00"


def test_sampled_flag_of_the_client_does_not_sample() -> None:
    value = b"00-%b-%b-01" % (ID, SPAN)
    parent = parse_traceparent(value)
    assert parent is not None
    assert parent.sampled
    assert call_with(value).span is None


@pytest.mark.parametrize(
    "values",
    [
        *((), (b"",), (b"junk",), (b"ff-%b-%b-01" % (ID, SPAN),)),
        *((b"00-%b-%b" % (ID, SPAN),), (b"00-%b-%b-01\n" % (ID, SPAN),)),
        *((b"00-%b-%b-01-more" % (ID, SPAN),), (b"00-%b-%b-01" % (ID.upper(), SPAN),)),
        *((b"00-%b-%b-01" % (b"0" * 32, SPAN),), (b"00-%b-%b-01" % (ID, b"0" * 16),)),
        (b"00-%b-%b-01" % (ID, SPAN), b"00-%b-%b-00" % (ID, SPAN)),
    ],
)
def test_invalid_traceparent_begins_a_new_trace(values: tuple[bytes, ...]) -> None:
    calls = [call_with(*values) for _ in range(100)]
    ids = {call.trace_id for call in calls}
    assert len(ids) == 100
    assert not ids & {0, int(ID, 16)}
    assert not any(call.parent_id for call in calls)
