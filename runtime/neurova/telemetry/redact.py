"""What must not be seen, masked wherever text leaves the platform."""

from __future__ import annotations

import re


def _spelt(word: str) -> str:
    """Return the pattern of a word, each letter in any case, and as itself or percent-encoded."""
    return "".join(
        f"(?:{letter}|%(?:25)*(?:{ord(letter):02x}|{ord(letter.upper()):02x}))" for letter in word
    )


_PREFIX = f"{_spelt('nrv_')}(?:{_spelt('live')}|{_spelt('test')}){_spelt('_')}"
_KEY = re.compile(f"({_PREFIX})[0-9A-Za-z%]+", re.IGNORECASE)
_TOKEN = re.compile(r"(nva_)[0-9A-Za-z_%-]{16,}")  # opens the Admin API


def escaped(text: str) -> str:
    """Return `text` with what UTF-8 cannot hold escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def masked(text: str) -> str:
    """Return `text` with everything that looks like an API key or token cut to its prefix.

    Keys are found as a client may have spelt them: in any case, percent-encoded once or more.
    What UTF-8 cannot hold (half of a surrogate pair, an undecodable file name) is escaped.
    """
    if not text.isascii():
        text = escaped(text)
    if "nva_" in text:
        text = _TOKEN.sub(r"\1…", text)
    if "%" not in text and "nrv_" not in text.lower():
        return text
    return _KEY.sub(r"\1…", text)
