"""The regression test that `neurova dlq save` generates."""

from __future__ import annotations

import ast
import math
from typing import Any

import pytest

from neurova.dead_letters.letters import DeadLetterDetails
from neurova.errors import NeurovaError
from neurova_platform.scaffold.dead_letter_case import plan_case

QUEUE = "mail.send"


def make(cause: str = "", queue: str = QUEUE, **values: Any) -> DeadLetterDetails:
    return DeadLetterDetails(
        "0a/b", queue, "shop.Sold", 0.0, 0.0, "", 1, cause, values=values, fault="", failures=()
    )


def test_secret_fields_are_masked_everywhere() -> None:
    letter = make("ValueError: hunter2", user={"apiKey": "k-123", "password": "hunter2"}, n=1)
    _, text = plan_case(letter)
    assert "hunter2" not in text
    assert "k-123" not in text
    assert "ValueError: masked" in text


def test_any_cause_and_value_is_valid_python() -> None:
    cause = 'Error: """ \\N \n\x00 ' + "x" * 300
    path, text = plan_case(make(cause, a=[], b=[None, True, {}], c=math.nan, d=1.5, e="\x7f"))
    assert path == "tests/test_dead_mail_send_0a_b.py"
    assert "Error: '''" in (ast.get_docstring(ast.parse(text)) or "")


@pytest.mark.parametrize(
    ("letter", "message"),
    [
        (make(queue="shop.async_calls"), "calls, no events"),
        (DeadLetterDetails("a", QUEUE, "x", 0.0, 0.0, "", 1, "", values=None, fault="no schema",
                           failures=()), "no schema"),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused(letter: DeadLetterDetails, message: str) -> None:
    with pytest.raises(NeurovaError, match=message):
        plan_case(letter)
