"""Query strings are decoded once and strictly."""

import pytest

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
