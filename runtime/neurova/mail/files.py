"""Write mails into files, for development and tests."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

from ..files.private import write_private_file


class FileMailer:
    """Write each message to `<Message-ID>.eml` in a folder; a repeated one replaces its file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, message: EmailMessage) -> None:
        """Write a message. Raises StateError if the file cannot be written."""
        name = str(message["Message-ID"]).strip("<>").replace("/", "_")
        write_private_file(self.folder / f"{name}.eml", message.as_string())
