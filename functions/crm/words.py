"""Split texts and queries into words for the search index.

Words are folded here and not by the database, so that search is the same on all databases.
"""

import re
from unicodedata import category, normalize

MAX_WORD_LENGTH = 64
"""Longer words are cut to this many characters."""
MAX_WORDS = 10
"""Further words of a query are ignored."""
_WORD = re.compile(r"[^\W_]+")
_PHONE = re.compile(r"[0-9 ().+/-]+")
_MIN_DIGITS = 5
_IOTA = "\u0345"  # the only combining mark that case folding turns into a letter
# Letters with strokes and ligatures: NFKD does not decompose them.
_PLAIN = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŧ": "t"}
    | {"ı": "i"}  # noqa: RUF001 - Turkish dotless i
)


def fold(text: str) -> str:
    """Remove case, diacritics and compatibility forms from a text."""
    # Remove marks first: `normalize` takes quadratic time to order a run of marks.
    text = _without_marks(text, but=_IOTA)
    # Case folding can create characters that need normalizing again (Unicode 3.13).
    text = normalize("NFKD", normalize("NFKD", text).casefold())
    return _without_marks(text).translate(_PLAIN)


def _without_marks(text: str, but: str = "") -> str:
    if text.isascii():
        return text
    return "".join(letter for letter in text if category(letter)[0] != "M" or letter == but)


def split_words(text: str) -> list[str]:
    """Return the folded words of a text in order, without repeats: letters and digits only."""
    return list(dict.fromkeys(word[:MAX_WORD_LENGTH] for word in _WORD.findall(fold(text))))


def phone_digits(text: str) -> str | None:
    """Return the digits of a text that looks like the end of a phone number, else None."""
    digits = "".join(filter(str.isdecimal, text)).lstrip("0") if _PHONE.fullmatch(text) else ""
    return digits[:MAX_WORD_LENGTH] if len(digits) >= _MIN_DIGITS else None


def parse_query(text: str) -> list[list[str]]:
    """Return the alternative word lists of a query: its words, and its digits as a phone number."""
    digits = phone_digits(text)
    alternatives = (split_words(text)[:MAX_WORDS], [digits] if digits else [])
    return [words for words in alternatives if words]


def phone_suffixes(phone: str) -> list[str]:
    """Return the ends of a phone number that search finds it by."""
    digits = phone.removeprefix("+")
    return [digits[start:] for start in range(len(digits) - _MIN_DIGITS + 1)]
