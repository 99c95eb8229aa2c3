"""Which operations reveal a secret inside a function."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable

import msgspec
import pytest

from neurova.secrets.secret import Secret

SECRET = Secret("stripe#token", "hunter2hunter2")


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{!r:>40}".format, lambda each: [each]])
def test_text_of_a_secret_is_its_name(show: Callable[[Secret], object]) -> None:
    assert "hunter2" not in str(show(SECRET))
    assert "stripe#token" in str(show(SECRET))


@pytest.mark.parametrize("encode", [json.dumps, msgspec.json.encode, pickle.dumps, copy.deepcopy])
def test_secret_cannot_be_encoded_or_copied(encode: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError):
        encode(SECRET)


def test_secret_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        SECRET.name = "x"
    assert SECRET.value == "hunter2hunter2"
