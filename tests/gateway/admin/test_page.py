"""Pages show everything once, whatever comes and goes meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from neurova.http.problem import Reject
from neurova_gateway.admin.page import MOST, cursor, limit, paged, token


def walked(items: Sequence[str], count: int) -> list[str]:
    found, asked = [], {"limit": str(count)}
    while True:
        page, following = paged(items, asked, str)
        assert len(page) <= count
        found += page
        if following is None:
            return found
        asked["cursor"] = following


@pytest.mark.parametrize("size", [0, 1, 2, 3, 10, 11])
@pytest.mark.parametrize("count", [1, 2, 5, 500])
def test_all_items_come_once_and_in_order(size: int, count: int) -> None:
    items = [f"{number:03}" for number in range(size)]
    assert walked(items, count) == items


def test_what_is_gone_or_new_moves_nothing() -> None:
    page, following = paged(["a", "c", "e", "g"], {"limit": "2"}, str)
    assert page == ["a", "c"]
    assert following is not None
    page, following = paged(["b", "d", "e", "g"], {"limit": "9", "cursor": following}, str)
    assert page == ["d", "e", "g"]


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", str(MOST + 1), "", "9" * 40, "²"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Reject, match="limit") as refused:
        limit({"limit": text})
    assert refused.value.status == 400


@pytest.mark.parametrize("text", ["", "x", "ü", "W10=", token(5), token(["a", 1]), "[" * 4000])
def test_a_cursor_of_somebody_else_is_refused(text: str) -> None:
    with pytest.raises(Reject, match="cursor"):
        cursor({"cursor": text}, str)
