"""Send mails to an SMTP server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from ..errors import Unavailable
from ..http.problem import Reject

TIMEOUT = 10.0  # seconds for each step of the connection
_AUTHENTICATION_FAILED = 535  # the settings are wrong, not the mail


class SmtpMailer:
    """Send each message over a new connection.

    `url`: `smtp://user:password@host:port`, encrypted with STARTTLS where the server offers it and
    always before a password is sent; or `smtps://`, encrypted from the start.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._is_tls = parts.scheme == "smtps"
        self._host = parts.hostname or ""
        self._port = parts.port or (465 if self._is_tls else 25)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")

    def send(self, message: EmailMessage) -> None:
        """Send a message. Raises Unavailable, or Reject if the server refuses it for good."""
        self._run(lambda server: server.send_message(message))

    def check(self) -> None:
        """Connect and log in, without sending. Raises Unavailable or Reject."""
        self._run(lambda server: None)

    def _run(self, work: Callable[[smtplib.SMTP], object]) -> None:
        try:
            with self._connect() as server:
                work(server)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise self._refused(code, text) from error
        except smtplib.SMTPResponseException as error:
            raise self._refused(error.smtp_code, error.smtp_error) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(f"the mail server {self._host} does not answer: {error}") from error

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._is_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=TIMEOUT, context=context
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)
        try:
            server.ehlo_or_helo_if_needed()
            if not self._is_tls and (self._password or server.has_extn("starttls")):
                server.starttls(context=context)
            if self._user:
                server.login(self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server

    def _refused(self, code: int, reason: bytes | str) -> Exception:
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        what = f"the mail server {self._host} refused the mail: {code} {text}"
        is_final = 500 <= code < 600 and code != _AUTHENTICATION_FAILED
        return Reject(422, what) if is_final else Unavailable(what)
