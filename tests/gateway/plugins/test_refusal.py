"""A refusal is a valid list of arguments for `kong.response.exit`."""

from __future__ import annotations

from neurova_gateway.plugins.refusal import refuse, unavailable


def test_members() -> None:
    """The body has the members of RFC 9457, the headers its media type."""
    status, body, headers = refuse(403, "No", fields={"x-a": "wrong"}, headers={"x-b": "c"})
    assert status == 403
    assert body == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "No",
        "errors": [{"pointer": "/x-a", "message": "wrong", "in": "header"}],
    }
    assert headers == {"content-type": "application/problem+json", "x-b": "c"}


def test_no_empty_table() -> None:
    """Without faults there is no list of them: Lua would send {} for []."""
    assert "errors" not in refuse(401, "No").body


def test_unavailable() -> None:
    """A 503 says when to retry."""
    refusal = unavailable("It")
    assert (refusal.status, refusal.headers["retry-after"]) == (503, "1")
    assert "retry in a second" in refusal.body["detail"]
