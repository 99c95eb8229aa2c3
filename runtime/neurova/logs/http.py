"""Send batches of log lines over HTTP."""

from __future__ import annotations

import http.client
from base64 import b64encode
from urllib.parse import unquote, urlsplit

from ..errors import Unavailable
from ..server_url import connect, split_server_url

TIMEOUT = 10.0
CORRECT_URL = "start it, or correct logs.url"


class HttpEndpoint:
    """The server at a URL like loki+https://user:password@host/prefix.

    A user and password are sent as basic authentication. `timeout` is in seconds, to connect and
    for each read.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._url = urlsplit(url.partition("+")[2])
        host, port = self._url.hostname or "", self._url.port
        self.where = f"{self._url.scheme}://{host}{f':{port}' if port else ''}{self._url.path}"
        self._headers: dict[str, str] = {}
        if self._url.username:
            pair = f"{unquote(self._url.username)}:{unquote(self._url.password or '')}"
            self._headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"

    def send(
        self, method: str, path: str, body: bytes = b"", media_type: str = "application/json"
    ) -> tuple[int, bytes]:
        """Send a request; return the status and the body.

        Raises Unavailable for 401, 403, 404, 429 and 5xx, and if there is no response.
        """
        connection = connect(self._url, self._timeout)
        headers = self._headers | ({"content-type": media_type} if body else {})
        try:
            connection.request(method, self._url.path.rstrip("/") + path, body, headers)
            reply = connection.getresponse()
            status, text = reply.status, reply.read()
        except (OSError, http.client.HTTPException) as error:
            what = f"the log store does not respond ({error or type(error).__name__})"
            raise Unavailable(what, where=self.where, fix=CORRECT_URL) from error
        finally:
            connection.close()
        if status in (401, 403):
            what, fix = f"the log store refuses the credentials ({status})", "correct logs.url"
            raise Unavailable(what, where=self.where, fix=fix)
        if status in (404, 429) or status >= 500:
            what = f"the log store refuses lines (status {status})"
            raise Unavailable(what, where=self.where, fix=CORRECT_URL)
        return status, text


def find_url_error(url: str) -> str:
    """Return the error in a URL, "" if there is none; the text does not contain the URL."""
    return (
        ""
        if split_server_url(url.partition("+")[2])
        else "is not valid, write it like loki+http://loki:3100"
    )
