"""A project on AWS Lambda, on moto's server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import httpx

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
  "NEUROVA_GATEWAY_KEYS=postgresql://neurova@postgres/keys",
  "NEUROVA_GATEWAY_LIMITS=redis://redis:6379/0",
  "NEUROVA_SERVICES_CART_DATABASE=postgresql://neurova@postgres/cart",
]
secret_variables = ["PGPASSWORD=postgres#password"]
ready = 5
"""
BACKGROUND = """
from neurova import Event, every, on


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


class Cloud(Shop):
    """The project, and moto's server as its account."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder, ApiServer())
        self.url = url
        (folder / "neurova.toml").write_text(SETTINGS)

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION)

    def reset(self) -> None:
        """Empty the account, and let functions answer without a container engine."""
        httpx.post(f"{self.url}/moto-api/reset")
        httpx.post(f"{self.url}/moto-api/config", json={"lambda": {"use_docker": False}})
        names = ("deployment", "item")
        self.client("dynamodb").create_table(
            TableName="neurova-deploy",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in names],
            KeySchema=[
                {"AttributeName": name, "KeyType": kind}
                for name, kind in zip(names, ("HASH", "RANGE"), strict=True)
            ],
        )

    def answer(self, *answers: str) -> None:
        """Set the answers of the next invocations; without one, an event is its own answer."""
        done = httpx.post(
            f"{self.url}/moto-api/static/lambda-simple/response", json={"results": answers}
        )
        assert done.status_code == 201, done.text
