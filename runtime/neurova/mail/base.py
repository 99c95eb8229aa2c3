"""Send mails from functions; the interface of the backends that deliver them."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage
from email.utils import formatdate
from typing import Protocol


class Mailer(Protocol):
    """Deliver messages; called in a thread."""

    def send(self, message: EmailMessage) -> None:
        """Deliver a message.

        Raises Unavailable if it may succeed later, Reject if the message is refused for good.
        """
        ...


class Mail:
    """Send mails from a function.

    The `Message-ID` is made from `reference`, which for a subscription is the event's id and the
    function's name. A repeated call sends its mails with the same ids, so that mail servers and
    readers can drop the copies.
    """

    def __init__(self, mailer: Mailer, sender: str, reference: str) -> None:
        self._mailer = mailer
        self._sender = sender
        self._reference = reference
        self._count = 0

    async def send(self, to: str, subject: str, text: str) -> str:
        """Send a text mail; return its Message-ID. Raises Unavailable, or Reject if refused."""
        self._count += 1
        domain = self._sender.rpartition("@")[2].strip("> ")
        message = EmailMessage()
        message["Message-ID"] = f"<{self._reference}.{self._count}@{domain}>"
        message["Date"] = formatdate()
        message["From"] = self._sender
        message["To"] = to
        message["Subject"] = subject
        message.set_content(text)
        await asyncio.to_thread(self._mailer.send, message)
        return str(message["Message-ID"])
