"""Queries are decoded once, strictly."""

from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurova.http.query import parse_query


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (b"", {}),
        (b"&&", {}),
        (b"a", {"a": [""]}),
        (b"a=1&b=2&a=3", {"a": ["1", "3"], "b": ["2"]}),
        (b"a=b=c", {"a": ["b=c"]}),
        (b"a+b=c%20d%2B", {"a b": ["c d+"]}),
        (b"=x", {"": ["x"]}),
        (b"a;b=1", {"a;b": ["1"]}),
        ("é=ü".encode(), {"é": ["ü"]}),
    ],
)
def test_values_are_in_order(raw: bytes, values: dict[str, list[str]]) -> None:
    assert parse_query(raw) == values


@pytest.mark.parametrize("raw", [b"%", b"a=%1", b"a=%gg", b"a=%ff", b"%c3=1", b"a=\xff", b"a=%00"])
def test_undecodable_query_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"hexadecimal|UTF-8|NUL"):
        parse_query(raw)


texts = st.text(st.characters(exclude_characters="\0"))


@given(st.lists(st.tuples(texts.filter(bool), texts)))
def test_encoded_pairs_are_decoded(pairs: list[tuple[str, str]]) -> None:
    pairs = [(a, b) for a, b in pairs if not any("\ud800" <= c <= "\udfff" for c in a + b)]
    found = parse_query(urlencode(pairs, quote_via=quote_plus).encode())
    expected: dict[str, list[str]] = {}
    for name, value in pairs:
        expected.setdefault(name, []).append(value)
    assert found == expected
