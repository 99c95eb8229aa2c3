"""Masking of API keys and tokens wherever text leaves the platform."""

from __future__ import annotations

import re


def _any_spelling(word: str) -> str:
    """Return a pattern of the word in any case, each letter plain or percent-encoded."""
    return "".join(
        f"(?:{letter}|%(?:25)*(?:{ord(letter):02x}|{ord(letter.upper()):02x}))" for letter in word
    )


_PREFIX = "|".join(map(_any_spelling, ("nrv_live_", "nrv_test_")))
_KEY = re.compile(f"({_PREFIX})[0-9A-Za-z%]+", re.IGNORECASE)
_ADMIN_TOKEN = re.compile(r"(nva_)[0-9A-Za-z_%-]{16,}")


def escape_surrogates(text: str) -> str:
    """Return `text` with the characters escaped that UTF-8 cannot encode."""
    return text.encode("utf-8", "backslashreplace").decode()


def mask_secrets(text: str) -> str:
    """Return `text` with everything that looks like an API key or token cut to its prefix.

    Keys are found in any case and percent-encoded once or more. Characters that UTF-8 cannot
    encode (half of a surrogate pair, an undecodable file name) are escaped.
    """
    if not text.isascii():
        text = escape_surrogates(text)
    if "nva_" in text:
        text = _ADMIN_TOKEN.sub(r"\1…", text)
    if "%" not in text and "nrv_" not in text.lower():
        return text
    return _KEY.sub(r"\1…", text)
