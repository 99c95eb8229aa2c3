"""Heads are limited by bytes and fields."""

from neurova_gateway.server.head_limits import MAX_FIELDS, MAX_HEAD, is_head_too_large

FIELD = (b"a", b"b" * 100)


def test_limits_of_fields_and_bytes() -> None:
    assert not is_head_too_large(b"/", [FIELD] * MAX_FIELDS, MAX_HEAD + 4096)
    assert is_head_too_large(b"/", [FIELD] * (MAX_FIELDS + 1), 0)
    assert is_head_too_large(b"/" * MAX_HEAD, [FIELD], MAX_HEAD + 1)


def test_head_within_upper_bound_is_not_measured() -> None:
    assert not is_head_too_large(b"/" * MAX_HEAD, [FIELD], MAX_HEAD)
