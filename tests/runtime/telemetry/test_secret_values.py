"""Values that were read as secrets are masked in every encoding."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest

from neurova.telemetry.secret_values import MASK, SecretValues

VALUES = [
    "s3cr3t-Value",
    "p@ss w/rd+100%~>?",
    "quo\"te\\and'more",
    "schlüssel-ÄÖÜ-𝄞",
    "line one of it\nl2",
]


def spellings(value: str) -> dict[str, str]:
    """Return texts with the value, by encoding."""
    raw = value.encode()
    texts = {
        "plain": value,
        "repr": repr(value),
        "bytes": repr(raw),
        "json": json.dumps({"a": value}, ensure_ascii=False),
        "repr in json": json.dumps(repr({"a": value}), ensure_ascii=False),
        "url": f"/x?a={quote(value, safe='')}&b",
        "path": quote(value),
        "form": quote_plus(value),
        "lower": re.sub("%..", lambda match: match[0].lower(), quote(value, safe="")),
    }
    for offset in range(3):
        inside = b"user:"[: 3 + offset] + raw + b":tail"
        texts[f"base64 {offset}"] = b64encode(inside).decode()
        texts[f"urlsafe {offset}"] = urlsafe_b64encode(inside).decode()
    return texts


@pytest.mark.parametrize("value", VALUES)
def test_value_is_masked_in_each_encoding(value: str) -> None:
    secrets = SecretValues()
    secrets.add(value)
    for name, text in spellings(value).items():
        for padding in range(5):
            masked = secrets.mask("_" * padding + text)
            assert MASK in masked, (name, masked)
            assert len(masked) <= padding + len(text), name


@pytest.mark.parametrize(
    ("value", "text", "masked"),
    [
        ("short", "a short word", "a short word"),
        ("amqp://me:pass%2Fword@host/v", "login pass/word failed", f"login {MASK} failed"),
        ("a secret word", "no secret word", "no secret word"),
        ("-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n", "at MIIEvQIBADANBgkq", f"at {MASK}"),
    ],
)
def test_parts_of_a_value(value: str, text: str, masked: str) -> None:
    secrets = SecretValues()
    secrets.add(value)
    assert secrets.mask(text) == masked


def test_memory_is_bounded_and_latest_values_stay() -> None:
    secrets = SecretValues()
    for number in range(12_000):
        secrets.add(f"value-{number:06}")
        secrets.add("always-read-again")
    assert len(secrets._values) < 6_000
    assert secrets.mask("value-011999 always-read-again value-000001") == (
        f"{MASK} {MASK} value-000001"
    )
