"""Set environment variables from Secrets Manager, once, at the cold start."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import msgspec

from neurova.errors import ConfigError, Unavailable
from neurova.telemetry.redact import add_secret

VARIABLE = "SECRETS_MANAGER_VARIABLES"
"""The deployment sets this variable to "NAME=secret#key NAME=secret#key"."""


def load_secret_variables(environ: MutableMapping[str, str]) -> None:
    """Set the variables that are listed in `VARIABLE`.

    Each secret must be a JSON object whose values are strings. Raises Unavailable if a secret
    cannot be read, ConfigError if it is malformed.
    """
    wanted = [each.partition("=") for each in environ.get(VARIABLE, "").split()]
    names = {reference.partition("#")[0] for _, _, reference in wanted}
    secrets = dict(_read(names)) if names else {}
    for variable, _, reference in wanted:
        name, _, key = reference.partition("#")
        value = secrets[name].get(key)
        if not isinstance(value, str):
            raise ConfigError(
                f"the secret {name} has no text {key!r}",
                where=variable,
                fix="store a JSON object with this key in Secrets Manager",
            )
        add_secret(value)
        environ[variable] = value


def _read(names: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client("secretsmanager")
    for name in sorted(names):
        try:
            text = client.get_secret_value(SecretId=name)["SecretString"]
            yield name, msgspec.json.decode(text, type=dict[str, Any])
        except (BotoCoreError, ClientError) as error:
            fix = "create the secret, and deploy again if secret_variables has changed"
            raise Unavailable(str(error), where=f"secret {name}", fix=fix) from None
        except (KeyError, msgspec.MsgspecError):
            fix = "store a JSON object in it"
            raise ConfigError("it is no JSON object", where=f"secret {name}", fix=fix) from None
