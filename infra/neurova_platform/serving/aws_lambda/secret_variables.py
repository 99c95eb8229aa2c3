"""Variables of the environment that come from Secrets Manager, read once at the cold start."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import msgspec

from neurova.errors import ConfigError, Unavailable
from neurova.telemetry.redact import add_secret

VARIABLE = "SECRETS_MANAGER_VARIABLES"
"""Its value is "NAME=secret#key NAME=secret#key"; the deployment sets it."""


def load_secret_variables(environ: MutableMapping[str, str]) -> None:
    """Set the variables that `VARIABLE` names; a secret is a JSON object with texts by key.

    Raises Unavailable if a secret cannot be read, and ConfigError if it has another form.
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
