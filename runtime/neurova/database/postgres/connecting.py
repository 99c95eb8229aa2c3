"""Open a connection to PostgreSQL with the currently valid credential."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from .credentials import Credential
from .url import PostgresUrl

CONNECT_TIMEOUT = 5.0  # seconds


class LeasedConnection(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no type hints
    """A connection that keeps the credential with which it was opened."""

    credential: Credential


async def connect(url: PostgresUrl, **options: Any) -> Any:
    """Return an asyncpg connection, a LeasedConnection if the URL has a credential source.

    If the server refuses the credential, fetch a new one and retry once: the password may have
    changed since the credential was fetched.
    """
    # asyncpg parses the URL, so libpq's options work (sslmode, passfile…).
    source = url.credentials
    if source is None:
        return await asyncpg.connect(url.dsn, timeout=CONNECT_TIMEOUT, **options)
    credential = source.valid()
    if credential is None:
        credential = await asyncio.to_thread(source.fetch)
    try:
        return await _connect_with(credential, url, options)
    except asyncpg.InvalidAuthorizationSpecificationError:
        credential = await asyncio.to_thread(source.fetch, credential)
        return await _connect_with(credential, url, options)


async def _connect_with(
    credential: Credential, url: PostgresUrl, options: dict[str, Any]
) -> LeasedConnection:
    connection: LeasedConnection = await asyncpg.connect(
        url.dsn,
        user=credential.user,
        password=credential.password,
        timeout=CONNECT_TIMEOUT,
        connection_class=LeasedConnection,
        **options,
    )
    connection.credential = credential
    return connection
