"""The contract of secret stores: the encrypted file and Vault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from tests.contracts.secret_stores import PARAMETERS, opener

from neurova.secrets.base import (
    NO_SECRET,
    SecretChanged,
    SecretStore,
    UnknownSecret,
    parse_reference,
    read_value,
)


@pytest.fixture(params=PARAMETERS)
def open_store(request: pytest.FixtureRequest) -> Callable[[], SecretStore]:
    return opener(request)


@pytest.fixture
def store(open_store: Callable[[], SecretStore]) -> Iterator[SecretStore]:
    with closing(open_store()) as opened:
        yield opened


def test_fields_are_set_one_by_one_and_kept(store: SecretStore) -> None:
    assert store.read("stripe") == NO_SECRET
    assert store.write("stripe", {"token": "a", "user": "b"}) == 1
    assert store.write("stripe", {"token": "ü\n\"'"}) == 2
    assert store.read("stripe").number == 2
    assert store.read("stripe").fields == {"token": "ü\n\"'", "user": "b"}


def test_other_process_sees_a_change(
    store: SecretStore, open_store: Callable[[], SecretStore]
) -> None:
    store.write("stripe", {"token": "old"})
    with closing(open_store()) as other:
        assert other.read("stripe").fields == {"token": "old"}
        store.write("stripe", {"token": "new"})
        assert other.read("stripe").fields == {"token": "new"}


def test_writer_that_expects_another_version_is_refused(store: SecretStore) -> None:
    assert store.write("stripe", {"token": "a"}, expected=0) == 1
    for expected in (0, 2):
        with pytest.raises(SecretChanged):
            store.write("stripe", {"token": "b"}, expected=expected)
    assert store.write("stripe", {"token": "c"}, expected=1) == 2


def test_parallel_writers_lose_no_field(open_store: Callable[[], SecretStore]) -> None:
    def write(field: str) -> None:
        with closing(open_store()) as store:
            store.write("stripe", {field: field})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, "abcd"))
    with closing(open_store()) as store:
        assert (store.read("stripe").number, set(store.read("stripe").fields)) == (4, set("abcd"))


def test_names_are_listed_with_their_folders(store: SecretStore) -> None:
    assert store.names() == []
    for name in ("stripe", "hotel/db", "hotel"):
        store.write(name, {"a": "b"})
    assert store.names() == ["hotel", "hotel/db", "stripe"]


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        ("missing#token", "secret missing#token is not set"),
        ("stripe#tokn", "secret stripe has no field tokn, it has token"),
    ],
)
def test_missing_value_names_the_command_that_sets_it(
    store: SecretStore, reference: str, what: str
) -> None:
    store.write("stripe", {"token": "a"})
    with pytest.raises(UnknownSecret) as caught:
        read_value(store, parse_reference(reference))
    assert str(caught.value) == f"{what}: run `neurova secrets set {reference}`"


def test_no_repr_shows_a_value(store: SecretStore) -> None:
    store.write("stripe", {"token": "hunter2hunter2"})
    assert "hunter2" not in f"{store.read('stripe')!r} {store!r} {vars(store)}"
