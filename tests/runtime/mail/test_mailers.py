"""Mails reach the folder or the SMTP server; a repeated mail has the same Message-ID."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_string, policy
from pathlib import Path

import pytest

from neurova.errors import Unavailable
from neurova.http.problem import Reject
from neurova.mail.base import Mail, Mailer
from neurova.mail.files import FileMailer
from neurova.mail.smtp import SmtpMailer


class SmtpServer:
    """Implement the SMTP that the client needs; `replies` overrides replies by command."""

    def __init__(self, **replies: str) -> None:
        self.replies = {"EHLO": "250 here", "DATA": "354 go on", "QUIT": "221 bye", **replies}
        self.lines: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode():
            command = line[:4].upper().strip()
            writer.write(f"{self.replies.get(command, '250 ok')}\r\n".encode())
            if command == "DATA" and self.replies["DATA"].startswith("354"):
                text = await reader.readuntil(b"\r\n.\r\n")
                self.lines += text.decode().splitlines()
                writer.write(b"250 queued\r\n")
            if command == "QUIT":
                break
        writer.close()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[SmtpMailer]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        async with server:
            yield SmtpMailer(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def send(mailer: Mailer) -> str:
    mail = Mail(mailer, "Hotel <desk@example.org>", "7.booking.confirm")
    return await mail.send("ada@example.org", "Your stay from März", "Dear Ada,\n.\nsee you\n")


async def test_repeated_mail_replaces_its_file(tmp_path: Path) -> None:
    for _ in range(2):
        assert await send(FileMailer(tmp_path / "mail")) == "<7.booking.confirm.1@example.org>"
    [file] = (tmp_path / "mail").iterdir()
    message = message_from_string(file.read_text(), policy=policy.default)
    assert (message["To"], message["Subject"]) == ("ada@example.org", "Your stay from März")
    assert message.get_content() == "Dear Ada,\n.\nsee you\n"
    assert file.stat().st_mode & 0o777 == 0o600


async def test_mail_reaches_an_smtp_server() -> None:
    server = SmtpServer()
    async with server.listen() as mailer:
        await send(mailer)
    assert "Message-ID: <7.booking.confirm.1@example.org>" in server.lines
    assert "From: Hotel <desk@example.org>" in server.lines


@pytest.mark.parametrize(
    ("replies", "error"),
    [
        ({"RCPT": "550 no such user"}, Reject),
        ({"RCPT": "451 later"}, Unavailable),
        ({"DATA": "554 spam"}, Reject),
        ({"MAIL": "421 busy"}, Unavailable),
    ],
)
async def test_final_refusal_differs_from_an_outage(
    replies: dict[str, str], error: type[Exception]
) -> None:
    async with SmtpServer(**replies).listen() as mailer:
        with pytest.raises(error, match=r"refused the mail: \d\d\d"):
            await send(mailer)


async def test_server_that_is_down_is_unavailable() -> None:
    async with SmtpServer().listen() as mailer:
        pass
    with pytest.raises(Unavailable, match="does not answer"):
        await send(mailer)


async def test_check_sends_nothing() -> None:
    server = SmtpServer()
    async with server.listen() as mailer:
        await asyncio.to_thread(mailer.check)
    assert server.lines == []
    async with SmtpServer(EHLO="550 go", HELO="550 go away").listen() as mailer:
        with pytest.raises(Reject, match="go away"):
            await asyncio.to_thread(mailer.check)
