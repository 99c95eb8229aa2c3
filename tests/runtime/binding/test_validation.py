"""Messages for invalid single values use plain words."""

from functools import partial
from typing import Annotated, Any

import msgspec
import pytest

from neurova.binding.parameter import Parameter
from neurova.binding.validation import parse_message, value_faults


def test_pattern_fault_of_a_value_shows_the_description() -> None:
    email = Annotated[str, msgspec.Meta(pattern="@", description="an email address")]
    code = Annotated[str, msgspec.Meta(pattern="^[0-9]$")]
    for kind, message in (
        (email | None, "must be an email address"),
        (list[email], "must be an email address"),  # type: ignore[valid-type]
        (code, "Expected `str` matching regex '^[0-9]$'"),
    ):
        parameter = Parameter("p", "query", "p", kind)
        value: Any = ["x"] if kind == list[email] else "x"  # type: ignore[valid-type]
        read = partial(msgspec.convert, value, kind)
        [fault] = value_faults(read, parameter)
        assert fault.message == message


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("Expected `int`, got `str` - at `$.a[0].b`", ["a", 0, "b"], "Expected `int`, got `str`"),
        ("Expected `int`, got `str` - at `$.m[...]`", ["m"], "Expected `int`, got `str`"),
        (
            "Expected `int`, got `str` - at `key` in `$.m`",
            ["m"],
            "a key is not valid: Expected `int`, got `str`",
        ),
        ("Object missing required field `a` - at `$[2]`", [2, "a"], "is required"),
        ("Object contains unknown field `a`", ["a"], "is not a known field"),
        ("Invalid enum value 'x' - at `$.k`", ["k"], "is not one of the allowed values"),
        ("Invalid value 'x' - at `$.type`", ["type"], "is not one of the allowed values"),
        ("anything else", [], "anything else"),
    ],
)
def test_msgspec_messages_are_parsed(text: str, path: list[Any], message: str) -> None:
    assert parse_message(text) == (path, message)
