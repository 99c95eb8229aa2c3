import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurova_gateway.keys import key

GOOD = key.generate("test")


@pytest.mark.parametrize("environment", ["live", "test"])
def test_new_keys_differ_and_name_their_environment(environment: str):
    with pytest.raises(ValueError, match='write "live" or "test"'):
        key.generate("prod")
    made = {key.generate(environment) for _ in range(100)}
    assert len(made) == 100
    assert {key.read_environment(k) for k in made} == {environment}
    assert all(k.startswith(f"nrv_{environment}_") and len(k) == 45 for k in made)


def test_one_wrong_character_is_a_typo():
    for at in range(len(GOOD)):
        for c in key.ALPHABET[::7] + "_- é":
            typo = GOOD[:at] + c + GOOD[at + 1 :]
            assert typo == GOOD or key.read_environment(typo) is None


def test_swapped_characters_are_a_typo():
    for at in range(len(GOOD) - 1):
        typo = GOOD[:at] + GOOD[at + 1] + GOOD[at] + GOOD[at + 2 :]
        assert typo == GOOD or key.read_environment(typo) is None


def test_checksum_alone_makes_no_key():
    for body in ("nrv_prod_" + "a" * 30, "nrv_test_" + "!" * 30, "nrv_test_" + "\n" * 30):
        assert key.read_environment(body + key._checksum(body)) is None


@given(st.one_of(st.text(), st.text(min_size=45, max_size=45)), st.integers(0, 45))
def test_junk_never_raises_and_is_never_a_key(junk: str, cut: int):
    for text in (junk, GOOD[:cut] + junk, junk + GOOD[cut:]):
        assert text == GOOD or key.read_environment(text) is None
        assert len(key.digest(text)) == 32


@pytest.mark.parametrize("junk", ["\ud800" * 45, GOOD + "\n", " " + GOOD, GOOD + GOOD, "\0" * 45])
def test_hostile_junk_is_no_key(junk: str):
    assert key.read_environment(junk) is None
    assert len(key.digest(junk)) == 32
