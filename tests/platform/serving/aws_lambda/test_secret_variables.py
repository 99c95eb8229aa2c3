"""Environment variables of a function that come from Secrets Manager."""

from __future__ import annotations

import boto3
import pytest

from neurova.errors import ConfigError, NeurovaError, Unavailable
from neurova_platform.serving.aws_lambda.secret_variables import VARIABLE, load_secret_variables

pytestmark = pytest.mark.server


def test_variables_are_set_from_the_json_of_a_secret(aws: str) -> None:
    client = boto3.client("secretsmanager")
    client.create_secret(Name="variables-a", SecretString='{"password": "p#=1", "port": 1}')
    environ = {VARIABLE: "PGPASSWORD=variables-a#password"}
    load_secret_variables(environ)
    assert environ["PGPASSWORD"] == "p#=1"


@pytest.mark.parametrize(
    ("secret", "reference", "error", "said"),
    [
        ('{"port": 1}', "#port", ConfigError, "has no text 'port'"),
        ("plain", "#port", ConfigError, "it is no JSON object"),
        ("", "-none#port", Unavailable, "create the secret"),
    ],
)
def test_unusable_secret_names_the_fix(
    aws: str, secret: str, reference: str, error: type[NeurovaError], said: str
) -> None:
    client = boto3.client("secretsmanager")
    name = f"variables-{len(secret)}"
    if secret:
        client.create_secret(Name=name, SecretString=secret)
    with pytest.raises(error) as raised:
        load_secret_variables({VARIABLE: f"A={name}{reference}"})
    assert said in str(raised.value)
