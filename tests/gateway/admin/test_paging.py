"""Pages contain each item once, even if items are added or removed between pages."""

from __future__ import annotations

import pytest

from neurova.http.problem import Reject
from neurova_gateway.admin.paging import MAX_LIMIT, encode_cursor, paginate


@pytest.mark.parametrize("size", [0, 1, 2, 3, 10, 11])
@pytest.mark.parametrize("limit", [1, 2, 5, 500])
def test_pages_contain_each_item_once_in_order(size: int, limit: int) -> None:
    items = [f"{number:03}" for number in range(size)]
    found: list[str] = []
    query = {"limit": str(limit)}
    while True:
        page = paginate(items, query, str)
        assert len(page.items) <= limit
        found += page.items
        if page.next is None:
            break
        query["cursor"] = page.next
    assert found == items


def test_added_and_removed_items_shift_no_page() -> None:
    page = paginate(["a", "c", "e", "g"], {"limit": "2"}, str)
    assert page.items == ["a", "c"]
    assert page.next is not None
    page = paginate(["b", "d", "e", "g"], {"limit": "9", "cursor": page.next}, str)
    assert page.items == ["d", "e", "g"]


@pytest.mark.parametrize(
    "query",
    [
        *(
            {"limit": text}
            for text in ("0", "-1", "x", "1.5", str(MAX_LIMIT + 1), "", "9" * 40, "²")
        ),
        *(
            {"cursor": text}
            for text in ("", "x", "ü", "W10=", encode_cursor(5), encode_cursor(["a"]), "[" * 4000)
        ),
    ],
)
def test_invalid_limit_or_cursor_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Reject, match="|".join(query)) as refused:
        paginate([], query, str)
    assert refused.value.status == 400
