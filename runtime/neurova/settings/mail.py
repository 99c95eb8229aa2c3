"""The section `[mail]` of neurova.toml."""

from __future__ import annotations

from .section import Section


class Mail(Section, frozen=True):
    """Configure the mails that functions send.

    `url`: an SMTP server, empty for files in the state folder. `sender`: the address in `From`.
    """

    url: str = ""
    sender: str = "neurova@localhost"
