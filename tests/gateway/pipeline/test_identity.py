"""Only a current identity that our gateway signed for this call is accepted."""

from __future__ import annotations

import hmac
import os
import stat
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from neurova.errors import StateError
from neurova.http.caller import Caller
from neurova_gateway.pipeline.identity import MAX_BYTES, Identity, IdentityError, load_key

NOW = 1_700_000_000.0
CALLER = Caller("acme", "k1", frozenset(["a:read", "a:write"]), "live")
KEY = b"k" * 32
LIVE = Identity(KEY, "live")


def signed(target: bytes = b"/a?b=c", caller: Caller = CALLER) -> bytes:
    return LIVE.sign("POST", target, caller, NOW).encode()


@pytest.mark.parametrize(
    "target", [b"/", b"/a?b=c", b"/a%2Fb", b"/caf\xc3\xa9", b"/\xff?\xfe", b"/a" * 2000]
)
def test_signed_caller_is_returned(target: bytes) -> None:
    assert LIVE.verify("POST", target, signed(target), NOW) == CALLER
    assert LIVE.verify("POST", target, signed(target, Caller()), NOW).anonymous


def test_empty_query_equals_no_query() -> None:
    assert LIVE.verify("POST", b"/a", signed(b"/a?"), NOW) == CALLER


@pytest.mark.parametrize(
    ("signer", "message"),
    [(Identity(KEY, "test"), "environment"), (Identity(b"o" * 32, "live"), "signature")],
)
def test_identity_of_another_signer_is_refused(signer: Identity, message: str) -> None:
    with pytest.raises(IdentityError, match=message):
        LIVE.verify("POST", b"/", signer.sign("POST", b"/", CALLER, NOW).encode(), NOW)


def test_request_line_is_signed_as_method_and_target() -> None:
    value = LIVE.sign_request_line("POST /a?\udcff HTTP/1.1", CALLER, NOW).encode()
    assert LIVE.verify("POST", b"/a?\xff", value, NOW) == CALLER


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", b"/a?b=c"), ("post", b"/a?b=c"), ("POST", b"/a"), ("POST", b"/A?b=c"), ("POST", b"")],
)
def test_identity_of_another_call_is_refused(method: str, target: bytes) -> None:
    with pytest.raises(IdentityError, match="another method or path"):
        LIVE.verify(method, target, signed(), NOW)


@pytest.mark.parametrize("now", [NOW + 60, NOW + 1e6, NOW - 61])
def test_identity_expires_after_a_minute(now: float) -> None:
    assert LIVE.verify("POST", b"/a?b=c", signed(), NOW + 59.9) == CALLER
    with pytest.raises(IdentityError, match="expired"):
        LIVE.verify("POST", b"/a?b=c", signed(), now)


def test_every_flipped_bit_is_refused() -> None:
    value = signed()
    for at in range(len(value)):
        for bit in (1, 128):
            flipped = value[:at] + bytes([value[at] ^ bit]) + value[at + 1 :]
            with pytest.raises(IdentityError):
                LIVE.verify("POST", b"/a?b=c", flipped, NOW)


@pytest.mark.parametrize(
    "value",
    [
        b"", b".", b"junk", b"a.b.c", b"\xff.\xff", "é.é".encode(), signed() + b"=", signed()[:-1],
        signed().split(b".")[0] + b".", b"." + signed().split(b".")[1],
        b"a" * (MAX_BYTES + 1) + b".b",
    ],
)  # fmt: skip
def test_malformed_identity_is_refused(value: bytes) -> None:
    """The error does not repeat the received value."""
    with pytest.raises(IdentityError) as refused:
        LIVE.verify("POST", b"/a?b=c", value, NOW)
    assert value.decode(errors="replace") not in str(refused.value) or value in (b"", b".")


def test_signed_payload_of_another_version_is_refused() -> None:
    text = urlsafe_b64encode(b'{"consumer": "root"}')
    with pytest.raises(IdentityError, match="version"):
        LIVE.verify(
            "POST", b"/", text + b"." + urlsafe_b64encode(hmac.digest(KEY, text, "sha256")), NOW
        )


def test_short_key_is_refused_and_key_not_shown() -> None:
    with pytest.raises(ValueError, match="32"):
        Identity(b"short", "live")
    assert "kkkk" not in repr(LIVE)


def test_key_file_is_created_private_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "identity.key"
    key = load_key(path)
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path) == key
    assert os.listdir(tmp_path) == ["identity.key"]
    path.write_bytes(b"")
    with pytest.raises(StateError, match="not an identity key"):
        load_key(path)
