"""Mask secrets in text that leaves the platform: values read as secrets, keys, credentials."""

from __future__ import annotations

import re

from .secret_values import MASK, SecretValues

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
_PASSWORD = re.compile(r"""(://[^\s/?#:@"'\\]*:)[^\s/@"'\\]+(?=@)""")


def _field(names: str, value: str) -> re.Pattern[str]:
    """Return a pattern for header fields: `Name: v`, `'name': 'v'`, `"name":"v"`, `(b'name', b'v'`.

    Quotes may be escaped, as in a repr within JSON.
    """
    quote = r"""b?\\*["']"""
    named = rf"(?:{names})(?:{quote})?\s*[:=]\s*(?:{quote})?"
    pair = rf"[(\[]{quote}(?:{names}){quote},\s*{quote}"
    return re.compile(rf"({named}|{pair}){value}", re.IGNORECASE)


_CREDENTIALS = _field("authorization|x-api-key", r"(?:[a-z]+\s+)?[\w.~+/=:-]{8,}")
_COOKIES = _field("cookie", r"""[^\s=;"'\\]+=[^"'\\\r\n]+""")

_secrets = SecretValues()  # global, because errors and `repr` have no other access to it


def add_secret(value: str) -> None:
    """Mask `value` from now on in all text that leaves the platform.

    Call it for each value that is read as a secret. Values of less than 8 characters are not
    masked. If the value is a URL, its password is also masked where it occurs alone.
    """
    _secrets.add(value)


def escape_surrogates(text: str) -> str:
    """Escape the characters in `text` that UTF-8 cannot encode."""
    return text.encode("utf-8", "backslashreplace").decode()


def holds_secret(text: str) -> bool:
    """Return whether `text` has a part that looks like an API key or an admin token."""
    return bool(_KEY.search(text) or _ADMIN_TOKEN.search(text))


def mask_secrets(text: str) -> str:
    """Mask all secrets in `text`: values given to `add_secret`, and text like a credential.

    API keys and admin tokens are cut to their prefix, in any case and with any percent-encoding.
    The values of `Authorization`, `X-API-Key` and cookie fields and passwords in URLs become
    `***`. Characters that UTF-8 cannot encode are escaped.
    """
    if not text.isascii():
        text = escape_surrogates(text)
    text = _secrets.mask(text)
    if "nva_" in text:
        text = _ADMIN_TOKEN.sub(r"\1…", text)
    lower = text.lower()
    if "%" in text or "nrv_" in lower:
        text = _KEY.sub(r"\1…", text)
    if "authorization" in lower or "x-api-key" in lower:
        text = _CREDENTIALS.sub(rf"\1{MASK}", text)
    if "cookie" in lower:
        text = _COOKIES.sub(rf"\1{MASK}", text)
    if "://" in text and "@" in text:
        text = _PASSWORD.sub(rf"\1{MASK}", text)
    return text
