"""A key is not seen in text that leaves."""

import pytest

from neurova.redact import masked


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("/x?key=nrv_live_abcDEF0123456789&a=1", "/x?key=nrv_live_…&a=1"),
        ("/nrv_test_ABC%41/tail", "/nrv_test_…/tail"),
        ("nothing here", "nothing here"),
    ],
)
def test_a_key_is_cut_to_its_prefix(text: str, seen: str) -> None:
    assert masked(text) == seen
