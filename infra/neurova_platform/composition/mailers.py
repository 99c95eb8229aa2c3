"""Open and check the backends that deliver mails."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from neurova.errors import StateError
from neurova.mail.base import Mailer
from neurova.server_url import split_server_url


def open_files(folder: Path) -> Mailer:
    """Return a mailer that writes files into a folder."""
    from neurova.mail.files import FileMailer

    return FileMailer(folder)


def open_smtp(url: str) -> Mailer:
    """Return a mailer that sends to an SMTP server."""
    from neurova.mail.smtp import SmtpMailer

    return SmtpMailer(url)


def check_files(folder: Path) -> str:
    """Return one line about the folder that mails are written to."""
    return f"mails are written to {folder}"


def check_smtp(url: str) -> str:
    """Return one line about the mail server. Raises NeurovaError if it cannot be used."""
    from neurova.http.problem import Reject
    from neurova.mail.smtp import SmtpMailer

    try:
        SmtpMailer(url).check()
    except Reject as error:
        raise StateError(
            str(error.detail), fix="correct the user or password of mail.url"
        ) from None
    return f"{urlsplit(url).hostname}: accepts mails"


def find_url_error(url: str) -> str:
    """Return the error in an SMTP URL without showing the URL, "" if it is valid."""
    return "" if split_server_url(url) else "is not valid: write it like smtp://user@host:587"
