"""The words of a text, for the search index and for queries.

Words are folded here, not by the databases, so that all databases find the same.
"""

import re
from unicodedata import category, normalize

MAX_WORD_LENGTH = 64
"""Characters of a word that are compared."""
MAX_WORDS = 10
"""Words of a query that are searched."""
_WORD = re.compile(r"[^\W_]+")
_PHONE = re.compile(r"[0-9 ().+/-]+")
_MIN_DIGITS = 5
_IOTA = "\u0345"  # the one mark that case folding turns into a letter
# Letters with strokes and ligatures, which Unicode does not decompose.
_PLAIN = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŧ": "t"}
    | {"ı": "i"}  # noqa: RUF001 - Turkish i without its dot
)


def fold(text: str) -> str:
    """Return a text without case, diacritics and compatibility forms."""
    # Marks are removed first: `normalize` orders n of them in n * n steps.
    text = _without_marks(text, but=_IOTA)
    # Twice, since each step may create work for the other (Unicode 3.13).
    text = normalize("NFKD", normalize("NFKD", text).casefold())
    return _without_marks(text).translate(_PLAIN)


def _without_marks(text: str, but: str = "") -> str:
    if text.isascii():
        return text
    return "".join(letter for letter in text if category(letter)[0] != "M" or letter == but)


def split_words(text: str) -> list[str]:
    """Return each word of a text once, folded, in order: letters and digits only."""
    return list(dict.fromkeys(word[:MAX_WORD_LENGTH] for word in _WORD.findall(fold(text))))


def phone_digits(text: str) -> str | None:
    """Return the digits of a text that may be the end of a phone number, None for another text."""
    digits = "".join(filter(str.isdecimal, text)).lstrip("0") if _PHONE.fullmatch(text) else ""
    return digits[:MAX_WORD_LENGTH] if len(digits) >= _MIN_DIGITS else None


def parse_query(text: str) -> list[list[str]]:
    """Return the alternatives that a query stands for: its words, and a phone number's end."""
    digits = phone_digits(text)
    alternatives = (split_words(text)[:MAX_WORDS], [digits] if digits else [])
    return [words for words in alternatives if words]


def phone_suffixes(phone: str) -> list[str]:
    """Return the ends of a phone number, so that it is found from any digit on."""
    digits = phone.removeprefix("+")
    return [digits[start:] for start in range(len(digits) - _MIN_DIGITS + 1)]
