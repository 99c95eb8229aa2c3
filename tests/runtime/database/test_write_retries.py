"""Writers that clash go one at a time; when that has passed, side by side again."""

from __future__ import annotations

from neurova.database.write_retries import Crowd


def test_a_clash_now_and_then_leaves_writers_side_by_side() -> None:
    crowd = Crowd()
    for _ in range(100):
        crowd.clashed()
        for _ in range(9):
            crowd.lasted(alone=False)
        assert not crowd.crowded()


def test_many_clashes_in_a_row_have_writers_go_one_at_a_time() -> None:
    crowd = Crowd()
    for _ in range(5):
        crowd.clashed()
    assert crowd.crowded()


def test_after_a_while_side_by_side_is_tried_again() -> None:
    crowd = Crowd()
    for _ in range(50):
        crowd.clashed()
    alone = 0
    while crowd.crowded():
        crowd.lasted(alone=True)
        alone += 1
    assert 20 < alone < 200
    crowd.clashed()
    assert crowd.crowded()  # and one more clash is enough to know
