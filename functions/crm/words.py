"""Which words a text has, for the index and for what is looked for in it.

Words are folded here and not by the databases, so that each of them finds the same.
"""

import re
from unicodedata import category, normalize

LONGEST = 64
"""Characters of a word that count."""
MOST = 10
"""Words that count of what is looked for."""
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"[0-9 ().+/-]+")
_SHORTEST_NUMBER = 5
# Letters that Unicode does not take apart, though people leave their strokes out.
_PLAIN = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŧ": "t"}
    | {"ı": "i"}  # noqa: RUF001 - Turkish i without its dot
)


def fold(text: str) -> str:
    """Return a text without case, diacritics, and ways to write one letter in several forms."""
    # Marks go first: to put n of them in order takes `normalize` n * n steps.
    text = _unmarked(text, "\u0345")  # but not the one that becomes a letter, an iota
    # Twice, as either may make work for the other (Unicode 3.13, compatibility caseless match).
    text = normalize("NFKD", normalize("NFKD", text).casefold())
    return _unmarked(text).translate(_PLAIN)


def _unmarked(text: str, kept: str = "") -> str:
    if text.isascii():
        return text
    return "".join(letter for letter in text if category(letter)[0] != "M" or letter == kept)


def words(text: str) -> list[str]:
    """Return each word of a text once, folded, in order of appearance: letters and digits only."""
    return list(dict.fromkeys(word[:LONGEST] for word in _WORD.findall(fold(text))))


def number(text: str) -> str | None:
    """Return the digits of what may be (the end of) a phone number, None for what is none."""
    digits = "".join(filter(str.isdecimal, text)).lstrip("0") if _NUMBER.fullmatch(text) else ""
    return digits[:LONGEST] if len(digits) >= _SHORTEST_NUMBER else None


def readings(text: str) -> list[list[str]]:
    """Return the ways to read what is looked for: as words, and as a phone number's end."""
    digits = number(text)
    return [reading for reading in (words(text)[:MOST], [digits] if digits else []) if reading]


def endings(phone: str) -> list[str]:
    """Return all ends of a phone number: it is found from any of its digits on."""
    digits = phone.removeprefix("+")
    return [digits[at:] for at in range(len(digits) - _SHORTEST_NUMBER + 1)]
