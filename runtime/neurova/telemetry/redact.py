"""Mask API keys and tokens in text that leaves the platform."""

from __future__ import annotations

import re

KEY_PREFIXES = {"nrv_live_": "live", "nrv_test_": "test"}
"""The environment of a key, by the prefix of the key."""


def _any_spelling(word: str) -> str:
    """Return a pattern for a word with each letter in any case, plain or percent-encoded."""
    return "".join(
        f"(?:{letter}|%(?:25)*(?:{ord(letter):02x}|{ord(letter.upper()):02x}))" for letter in word
    )


_PREFIX = "|".join(map(_any_spelling, KEY_PREFIXES))
_KEY = re.compile(f"({_PREFIX})[0-9A-Za-z%]+", re.IGNORECASE)
_ADMIN_TOKEN = re.compile(r"(nva_)[0-9A-Za-z_%-]{16,}")


def escape_surrogates(text: str) -> str:
    """Escape the characters in `text` that UTF-8 cannot encode."""
    return text.encode("utf-8", "backslashreplace").decode()


def holds_secret(text: str) -> bool:
    """Return whether `text` has a part that `mask_secrets` would cut."""
    return bool(_KEY.search(text) or _ADMIN_TOKEN.search(text))


def mask_secrets(text: str) -> str:
    """Cut everything in `text` that looks like an API key or token to its prefix.

    Keys are found in any case and with any percent-encoding. Characters that UTF-8 cannot encode
    are escaped.
    """
    if not text.isascii():
        text = escape_surrogates(text)
    if "nva_" in text:
        text = _ADMIN_TOKEN.sub(r"\1…", text)
    if "%" not in text and "nrv_" not in text.lower():
        return text
    return _KEY.sub(r"\1…", text)
