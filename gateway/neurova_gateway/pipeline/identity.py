"""The signed header by which a gateway tells the runtime behind it who the caller is."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from neurova.errors import StateError
from neurova.files.private import load_or_create_secret
from neurova.http.caller import Caller

from ..identity.signing_keys import KEY_BYTES, IdentityKeys, new_key

HEADER = "X-Neurova-Identity"
LIFETIME = 60.0
# The maximum size of the header: enough for a request line of 8 KiB as JSON in base64, plus scopes.
MAX_BYTES = 24 * 1024


class IdentityError(Exception):
    """An identity that is not accepted; the message never contains values from the header."""


class _Payload(msgspec.Struct, forbid_unknown_fields=True):
    method: str
    target: str
    environment: str
    consumer: str
    key_id: str
    scopes: list[str]
    expires: float
    request_id: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Payload).decode


class Identity:
    """Sign and verify callers of one environment, with HMAC-SHA256 and keys of >= 32 bytes.

    `keys`: one key, or a function that returns the current keys and may raise Unavailable.
    """

    __slots__ = ("_environment", "_keys")

    def __init__(self, keys: bytes | Callable[[], IdentityKeys], environment: str) -> None:
        if isinstance(keys, bytes) and len(keys) < KEY_BYTES:
            raise ValueError(f"identity key has {len(keys)} bytes, use {KEY_BYTES} or more")
        self._keys = partial(IdentityKeys, keys) if isinstance(keys, bytes) else keys
        self._environment = environment

    def sign(self, method: str, target: bytes, caller: Caller, now: float) -> str:
        """Return the header value that identifies the caller, valid for this request only.

        `target` is the raw path with `?query`; `now` is Unix seconds.
        """
        payload = _Payload(
            method,
            _canonical_target(target),
            self._environment,
            caller.consumer,
            caller.key_id,
            sorted(caller.scopes),
            now + LIFETIME,
            secrets.token_hex(16),
        )
        text = urlsafe_b64encode(_encode(payload))
        return f"{text.decode()}.{_mac(self._keys().signing(now), text)}"

    def sign_request_line(self, line: str, caller: Caller, now: float) -> str:
        """Return the header value for a request line like `GET /a?b HTTP/1.1`.

        `line` is text from the PDK, which decodes it as UTF-8 with surrogate escapes.
        """
        method, _, rest = line.partition(" ")
        target = rest.rpartition(" ")[0]
        return self.sign(method, target.encode("utf-8", "surrogateescape"), caller, now)

    def verify(self, method: str, target: bytes, value: bytes, now: float) -> Caller:
        """Return the caller that the gateway signed for this call. Raises IdentityError."""
        payload = self._decode_payload(value, self._keys().accepted(now))
        if payload.environment != self._environment:
            raise IdentityError(f"signed for an environment other than {self._environment}")
        if payload.method != method or payload.target != _canonical_target(target):
            raise IdentityError("signed for another method or path")
        if not now < payload.expires <= now + 2 * LIFETIME:
            raise IdentityError("expired, or the clocks of gateway and runtime differ")
        return Caller(
            payload.consumer,
            payload.key_id,
            frozenset(payload.scopes),
            payload.environment,
        )

    def _decode_payload(self, value: bytes, keys: tuple[bytes, ...]) -> _Payload:
        text, dot, mac = value.partition(b".")
        if len(value) > MAX_BYTES or not dot:
            raise IdentityError(f"{HEADER} is missing or malformed")
        if not any(hmac.compare_digest(_mac(key, text).encode(), mac) for key in keys):
            raise IdentityError("wrong signature")
        try:
            return _decode(urlsafe_b64decode(text))
        except (ValueError, msgspec.MsgspecError) as error:
            raise IdentityError("signed by another version") from error

    def __repr__(self) -> str:
        return f"<Identity {self._environment}>"


def _mac(key: bytes, text: bytes) -> str:
    return urlsafe_b64encode(hmac.digest(key, text, "sha256")).decode()


def _canonical_target(target: bytes) -> str:
    # JSON cannot hold raw bytes, so decode them as latin-1. "/a?" and "/a" are the same target.
    path, _, query = target.partition(b"?")
    return (path + b"?" + query if query else path).decode("latin-1")


def load_key(path: Path) -> bytes:
    """Read the key from the file `path`; create the file (mode 0600) if it is missing.

    Raises StateError if other users may read the file, or if it contains no valid key.
    """
    key = load_or_create_secret(path, new_key)
    if len(key) < KEY_BYTES:
        raise StateError(
            f"is not an identity key: it is shorter than {KEY_BYTES} bytes",
            where=str(path),
            fix="delete it, a new one is created at the next start",
        )
    return key
