"""A project on AWS Lambda, with moto's server as its AWS account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import botocore.client
import httpx
import pytest
from botocore.exceptions import ClientError

from .api_server import ApiServer
from .conftest import Shop

ACCOUNT = "123456789012"
REGION = "eu-central-1"
SETTINGS = f"""
[project]
name = "shop"

[deploy.test]
target = "lambda"
account = "{ACCOUNT}"
region = "{REGION}"
image = "{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop-{{service}}:{{version}}"
variables = [
  "NEUROVA_BUS_URL=sqs://{REGION}/shop",
  "NEUROVA_SCHEMAS_URL=https://schemas.example",
  "NEUROVA_GATEWAY_KEYS=postgresql://neurova@postgres/keys",
  "NEUROVA_GATEWAY_LIMITS=redis://redis:6379/0",
  "NEUROVA_SERVICES_CART_DATABASE=postgresql://neurova@postgres/cart",
]
secret_variables = ["PGPASSWORD=postgres#password"]
ready = 5
"""
EVENTS = """
from neurova import Event, on


class Sold(Event):
    name: str


@on(Sold)
async def later(event: Sold) -> None:
    pass
"""
SCHEDULE = """
from neurova import every


@every("5 minutes")
async def expire() -> None:
    pass
"""
ALIAS = {"FunctionName": "shop-cart-runtime", "Name": "live"}


class Cloud(Shop):
    """Two services (one with an event, a subscription and a schedule) and an empty account."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder, ApiServer())
        self._url = url
        (folder / "neurova.toml").write_text(SETTINGS)
        self.write("cart")
        self.write("greet")
        (folder / "functions" / "cart" / "domain.py").write_text(EVENTS)
        (folder / "functions" / "cart" / "expire.py").write_text(SCHEDULE)
        httpx.post(f"{url}/moto-api/reset")
        # Without Docker, moto answers an invocation with its event, or with the next `answer`.
        httpx.post(f"{url}/moto-api/config", json={"lambda": {"use_docker": False}})
        names = {"deployment": "HASH", "item": "RANGE"}
        self.client("dynamodb").create_table(
            TableName="neurova-deploy",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in names],
            KeySchema=[{"AttributeName": each, "KeyType": names[each]} for each in names],
        )

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION)

    def answer(self, *answers: str) -> None:
        """Set the responses of the next invocations."""
        url = f"{self._url}/moto-api/static/lambda-simple/response"
        assert httpx.post(url, json={"results": answers, "region": REGION}).status_code == 201

    def alias(self) -> dict[str, Any]:
        """Return the live version of the cart, and the weights of other versions."""
        found = self.client("lambda").get_alias(**ALIAS)
        weights = (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        return {"version": found["FunctionVersion"], **weights}


class Calls:
    """Record the calls that change something on AWS, and interrupt or refuse them.

    `interrupts`: stop before the next call that has not been interrupted yet. `refuses` maps an
    operation to its error code, `answers` to the response of its next call.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.interrupts = False
        self.refuses: dict[str, str] = {}
        self.answers: dict[str, dict[str, Any]] = {}
        self._stopped: set[str] = set()
        original = botocore.client.BaseClient._make_api_call

        def call(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            self._check(operation, arguments)
            if operation in self.answers:
                return self.answers.pop(operation)
            return original(client, operation, arguments)

        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)

    def _check(self, operation: str, arguments: dict[str, Any]) -> None:
        if operation in self.refuses:
            about = {"Code": self.refuses[operation], "Message": "no"}
            answer = {"Error": about, "ResponseMetadata": {"HTTPStatusCode": 400}}
            raise ClientError(answer, operation)
        if operation.startswith(("Get", "List", "Describe", "Query")):
            return
        self.seen.append((operation, arguments))
        call = f"{operation} {arguments}"
        is_lock = "'lock'" in call
        if self.interrupts and not is_lock and call not in self._stopped:
            self._stopped.add(call)
            raise KeyboardInterrupt
