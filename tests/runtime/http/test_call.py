"""A call is read without a search through the library, and does not show what it holds."""

from neurova.http.call import Call


def test_the_first_field_of_a_name() -> None:
    call = Call("GET", b"/", b"", [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")], "")
    assert call.header(b"a") == b"1"
    assert call.header(b"c") is None


def test_its_repr_shows_neither_query_nor_fields() -> None:
    call = Call("GET", b"/x", b"key=q", [(b"x-api-key", b"k")], "", b"body")
    assert repr(call) == "<Call GET b'/x'>"
