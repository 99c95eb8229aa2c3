"""Texts are split into case-folded words."""

from __future__ import annotations

import subprocess
import sys
from unicodedata import category, normalize

import pytest
from functions.crm.words import (
    MAX_WORD_LENGTH,
    fold,
    parse_query,
    phone_digits,
    split_words,
)
from hypothesis import given
from hypothesis import strategies as st
from tests.serving import PATIENCE

MARKED = st.text(st.one_of(st.characters(categories=["M"]), st.sampled_from("aéßİᾳᾼ각क")))


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("+44 (1234) 567-890", "441234567890"),
        ("01234/567.890", "1234567890"),
        ("0044 1234", "441234"),
        ("12345", "12345"),
        ("1234", None),
        ("00000", None),
        ("12345a", None),
        ("١٢٣٤٥", None),
        ("", None),
    ],
)
def test_phone_digits_are_recognized(text: str, digits: str | None) -> None:
    assert phone_digits(text) == digits


def test_query_is_words_a_phone_number_or_both() -> None:
    assert parse_query("Ada Ada 12345") == [["ada", "12345"]]
    assert parse_query("01234 567") == [["01234", "567"], ["1234567"]]
    assert parse_query("+ - .") == []
    assert parse_query(" ".join(map(str, range(20)))) == [
        [str(n) for n in range(10)],
        ["1" + "".join(map(str, range(2, 20)))],
    ]


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    words = split_words(text)
    assert split_words(fold(text)) == words
    assert all(word.isalnum() and len(word) <= MAX_WORD_LENGTH for word in words)


@given(st.text(), st.text())
def test_words_do_not_depend_on_their_neighbours(before: str, after: str) -> None:
    assert set(split_words(f"{before} {after}")) == {*split_words(before), *split_words(after)}


@given(st.one_of(st.text(), MARKED))
def test_combining_marks_are_removed(text: str) -> None:
    folded = normalize("NFKD", normalize("NFKD", text).casefold())
    plain = "".join(letter for letter in folded if category(letter)[0] != "M")
    assert fold(text) == fold(plain)


def test_a_million_marks_are_folded_fast() -> None:
    # Normalising these texts first would take many minutes.
    text = "'a' + '\\u0301\\u0316' * 500_000"
    code = f"from functions.crm.words import split_words; assert split_words({text}) == ['a']"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)
