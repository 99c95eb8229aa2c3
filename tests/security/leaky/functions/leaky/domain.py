"""Functions that leak a secret in every possible way."""

import base64
import os
from urllib.parse import quote

from neurova import Event


class Leaked(Event):
    how: str


def spellings() -> str:
    """Return the secrets from the settings in each encoding that a careless message may use."""
    secrets = os.environ["LEAKY_TOKEN"], os.environ["NEUROVA_MAIL_URL"]
    texts = [
        text
        for secret in secrets
        for text in (
            secret,
            quote(secret, safe=""),
            base64.b64encode(secret.encode()).decode(),
            base64.b64encode(f"user:{secret}".encode()).decode(),
            repr({"secret": secret, "bytes": secret.encode()}),
        )
    ]
    return " ".join(texts)
