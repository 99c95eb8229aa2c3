"""Read the URLs of servers, and connect to HTTP servers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:  # reading settings needs no HTTP client, and importing one is slow
    from http.client import HTTPConnection


def split_server_url(url: str) -> SplitResult | None:
    """Return the parts of a URL, None if it has no host or an invalid port."""
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def connect(url: SplitResult, timeout: float) -> HTTPConnection:
    """Return a connection to an `http` or `https` URL; it opens at the first request."""
    from http.client import HTTPConnection, HTTPSConnection

    host = url.hostname or ""
    if url.scheme == "https":
        from ssl import create_default_context

        context = create_default_context()
        return HTTPSConnection(host, url.port, timeout=timeout, context=context)
    return HTTPConnection(host, url.port, timeout=timeout)
