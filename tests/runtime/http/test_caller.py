"""A caller has the scopes of its key."""

from neurova.http.caller import ANONYMOUS, Caller


def test_anonymous_caller_has_no_scope() -> None:
    assert ANONYMOUS.anonymous
    assert not ANONYMOUS.may("booking:read")


def test_consumer_has_the_scopes_of_its_key() -> None:
    caller = Caller("ada", "k1", frozenset({"booking:read"}))
    assert not caller.anonymous
    assert caller.may("booking:read")
    assert not caller.may("booking:write")
