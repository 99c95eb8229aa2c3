"""A call has fields by name and hides what may be secret."""

from neurova.http.call import Call


def test_header_is_the_first_field_of_its_name() -> None:
    call = Call("GET", b"/", b"", [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")], "")
    assert call.header(b"a") == b"1"
    assert call.header(b"c") is None


def test_repr_shows_neither_query_nor_fields() -> None:
    call = Call("GET", b"/x", b"key=q", [(b"x-api-key", b"k")], "", b"body")
    assert repr(call) == "<Call GET b'/x'>"
