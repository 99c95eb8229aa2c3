"""Keys and tokens are masked in text."""

import pytest

from neurova.errors import NeurovaError
from neurova.telemetry.redact import add_secret, holds_secret, mask_secrets


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("/x?key=nrv_live_abcDEF0123456789&a=1", "/x?key=nrv_live_…&a=1"),
        ("/nrv_test_ABC%41/tail", "/nrv_test_…/tail"),
        ("/nrv%5Ftest%5fABC012", "/nrv%5Ftest%5f…"),
        ("/%6Erv_%74est_ABC012?a", "/%6Erv_%74est_…?a"),
        ("/nrv%255ftest_ABC012", "/nrv%255ftest_…"),
        ("NRV_LIVE_ABC012 b", "NRV_LIVE_… b"),
        ("/nva_0123456789abcdef_-xyz?a", "/nva_…?a"),
        ("/nva_short", "/nva_short"),
        ("/100%25/nrv", "/100%25/nrv"),
        ("nothing here", "nothing here"),
    ],
)
def test_key_is_cut_to_its_prefix(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked
    assert holds_secret(text) == (text != masked)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abcd.efgh-ijk", "Authorization: ***"),
        ("{'authorization': 'Basic dXNlcjpwYXNz', 'a': 1}", "{'authorization': '***', 'a': 1}"),
        (
            r'{"m":"{\"authorization\":\"Bearer abcdefgh\"}"}',
            r'{"m":"{\"authorization\":\"***\"}"}',
        ),
        ("[(b'Authorization', b'Bearer abcdefgh')]", "[(b'Authorization', b'***')]"),
        ("x-api-key=abcdefgh12", "x-api-key=***"),
        ("Set-Cookie: sid=abc; Path=/\nNext: x", "Set-Cookie: ***\nNext: x"),
        ('{"cookie":"a=b; c=d","e":1}', '{"cookie":"***","e":1}'),
        ("[(b'cookie', b'a=b')]", "[(b'cookie', b'***')]"),
        ("amqp://me:pw@host/v and redis://:pw@host", "amqp://me:***@host/v and redis://:***@host"),
        # Our own messages that name a field stay unchanged.
        ("send `Authorization: Bearer <key>`, X-API-Key: <key>", None),
        ("Missing cookie: session", None),
        ('{"in":"cookie","message":"is a=required"}', None),
        ("write postgresql://user@host:5432/name or a:b@c", None),
    ],
)
def test_credential_is_masked_by_its_field(text: str, masked: str | None) -> None:
    assert mask_secrets(text) == (masked or text)


def test_registered_value_is_masked() -> None:
    add_secret("registered-value-1")
    assert mask_secrets("a registered-value-1 b") == "a *** b"
    assert mask_secrets("a registered-value-2 b") == "a registered-value-2 b"


def test_error_shows_no_key() -> None:
    error = NeurovaError("nrv_live_a", where="x/nrv_live_a", fix="%6erv_live_a")
    assert str(error) == "x/nrv_live_…: nrv_live_…: %6erv_live_…"
    assert (error.args, error.what) == (("nrv_live_…",), "nrv_live_…")
