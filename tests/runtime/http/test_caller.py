"""A caller may do what its key's scopes say."""

from neurova.http.caller import ANONYMOUS, Caller


def test_nobody_may_nothing() -> None:
    assert ANONYMOUS.anonymous
    assert not ANONYMOUS.may("booking:read")


def test_a_consumer_may_what_its_key_holds() -> None:
    caller = Caller("ada", "k1", frozenset({"booking:read"}))
    assert not caller.anonymous
    assert caller.may("booking:read")
    assert not caller.may("booking:write")
