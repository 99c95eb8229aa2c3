"""The values that a process read as secrets, found in text in any usual encoding."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote, urlsplit

SHORTEST = 8
"""Shorter values are not masked: they would match ordinary words."""
MASK = "***"
_MOST = 1_000_000  # characters
_OVERHEAD = 200  # counted per value, so that many short values are bounded too
_GRAM = 4
_STRIDE = SHORTEST - _GRAM + 1
_LINE = 16  # from this length, a line of a multi-line value is masked alone too


class SecretValues:
    """Hold secret values and mask them in text, plain, base64-, URL- and JSON-encoded.

    The cost of `mask` grows with the text and not with the number of values. The oldest values are
    forgotten when all together exceed about 1,000,000 characters. Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, None] = {}  # in the order of their last `add`
        self._size = 0
        # Maps sequences of four characters to the forms that contain them. Each form has five
        # sequences, from its last eight characters, since tokens often begin alike. Wherever a form
        # occurs in a text, one of the five starts at a multiple of five: `mask` looks only there.
        self._forms: dict[str, set[str]] = {}

    def add(self, value: str) -> None:
        """Mask a value from now on, and the password in it if it is a URL."""
        for part in _parts(value):
            with self._lock:
                if part in self._values:
                    del self._values[part]
                else:
                    self._size += len(part) + _OVERHEAD
                    _index(self._forms, part)
                self._values[part] = None
                if self._size > _MOST:
                    self._forget_oldest()

    def mask(self, text: str) -> str:
        """Return the text with each form of a value replaced by `MASK`."""
        forms = self._forms
        if not forms:
            return text
        grams = {text[at : at + _GRAM] for at in range(0, len(text) - _GRAM + 1, _STRIDE)}
        if forms.keys().isdisjoint(grams):
            return text
        found: set[str] = set()
        for gram in grams & forms.keys():
            found |= forms[gram]
        for form in sorted(found, key=len, reverse=True):  # a value may contain another
            text = text.replace(form, MASK)
        return text

    def _forget_oldest(self) -> None:
        """Remove the oldest values, about half of the characters, and index the rest again."""
        for value in tuple(self._values):
            if self._size <= _MOST // 2:
                break
            del self._values[value]
            self._size -= len(value) + _OVERHEAD
        forms: dict[str, set[str]] = {}
        for value in self._values:
            _index(forms, value)
        self._forms = forms

    def __repr__(self) -> str:
        return f"<SecretValues: {len(self._values)}>"


def _index(forms: dict[str, set[str]], value: str) -> None:
    for form in _encodings(value):
        for at in range(len(form) - SHORTEST, len(form) - _GRAM + 1):
            forms.setdefault(form[at : at + _GRAM], set()).add(form)


def _parts(value: str) -> Iterator[str]:
    """Yield the texts to mask for a value: itself, its long lines and the password in it."""
    value = value.strip()
    if len(value) < SHORTEST:
        return
    yield value
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= _LINE)
    if "://" in value and "@" in value:
        try:
            password = urlsplit(value).password or ""
        except ValueError:
            return
        yield from (each for each in {password, unquote(password)} if len(each) >= SHORTEST)


def _encodings(value: str) -> set[str]:
    """Return the forms (plain and encoded) in which a text may contain a value."""
    raw = value.encode("utf-8", "surrogatepass")
    forms = {value, repr(value)[1:-1], repr(raw)[2:-1]}
    forms |= {_json(form) for form in tuple(forms)}
    for offset in range(3):  # where the value starts in a group of three bytes
        encoded = b64encode(bytes(offset) + raw).decode()
        # Leave out the characters that depend on the bytes before and after the value.
        part = encoded[(0, 2, 3)[offset] : 8 * (offset + len(raw)) // 6]
        forms |= {part, part.replace("+", "-").replace("/", "_"), quote(part, safe="")}
    for encode in (quote, quote_plus):
        for safe in ("", "/"):
            escaped = encode(raw, safe=safe)
            forms |= {escaped, re.sub("%..", lambda match: match[0].lower(), escaped)}
    return forms


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
