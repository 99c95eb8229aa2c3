"""W3C Trace Context is carried or begun."""

import pytest

from neurova.http.call import Call
from neurova.http.trace_context import begin_trace, format_traceparent

ID, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"


def begun(*values: bytes) -> Call:
    call = Call("GET", b"/", b"", [(b"traceparent", value) for value in values], "")
    begin_trace(call)
    return call


@pytest.mark.parametrize(
    "value",
    [b"00-%b-%b-01" % (ID, SPAN), b"01-%b-%b-01-what-comes" % (ID, SPAN)],
)
def test_a_trace_that_comes_is_carried_on(value: bytes) -> None:
    call = begun(value)
    assert call.trace_id == int(ID, 16)
    assert call.parent_id == int(SPAN, 16)
    assert call.sampled
    assert call.span_id not in (0, call.parent_id)
    assert format_traceparent(call) == f"00-{ID.decode()}-{call.span_id:016x}-01"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"junk",
        b"ff-%b-%b-01" % (ID, SPAN),
        b"00-%b-%b-01-more" % (ID, SPAN),
        b"00-%b-%b-01" % (b"0" * 32, SPAN),
        b"00-%b-%b-01" % (ID, b"0" * 16),
        b"00-%b-%b-01" % (ID.upper(), SPAN),
        b"00-%b-%b" % (ID, SPAN),
        b"00-%b-%b-01\n" % (ID, SPAN),
    ],
)
def test_one_that_is_not_valid_begins_a_new_trace(value: bytes) -> None:
    call = begun(value)
    assert call.trace_id not in (0, int(ID, 16))
    assert call.parent_id == 0
    assert not call.sampled


def test_two_of_them_are_none() -> None:
    assert begun(b"00-%b-%b-01" % (ID, SPAN), b"00-%b-%b-00" % (ID, SPAN)).parent_id == 0


def test_calls_without_one_have_traces_of_their_own() -> None:
    assert len({begun().trace_id for _ in range(1000)}) == 1000
