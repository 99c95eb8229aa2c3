"""The embedded registry's REST API, called by Confluent's own client and directly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.contracts.registries import served

from neurova.schemas.rest import MEDIA_TYPE, create_app
from neurova.schemas.sqlite import SqliteRegistry

SOLD = {"type": "record", "name": "Sold", "fields": [{"name": "number", "type": "long"}]}
TEXT = json.dumps(SOLD)
WIDER = json.dumps({**SOLD, "fields": [*SOLD["fields"], {"name": "buyer", "type": "string"}]})


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SqliteRegistry]:
    found = SqliteRegistry(tmp_path / "registry.db")
    yield found
    found.close()


@pytest.fixture
def api(registry: SqliteRegistry) -> TestClient:
    return TestClient(
        create_app(registry, hosts=["127.0.0.1"]),
        base_url="http://127.0.0.1",
        headers={"content-type": MEDIA_TYPE},
    )


@pytest.mark.server
def test_confluent_client_and_serializers_work(registry: SqliteRegistry) -> None:
    from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    context = SerializationContext("shop.Sold", MessageField.VALUE)
    with (
        served(registry) as url,
        SchemaRegistryClient({"url": url}) as client,
        SchemaRegistryClient({"url": url}) as reader,
    ):
        encoded = AvroSerializer(client, TEXT)({"number": 7}, context)
        assert encoded[0] == 0
        assert AvroDeserializer(reader)(encoded, context) == {"number": 7}
        latest = client.get_latest_version("shop.Sold-value")
        assert (latest.version, latest.schema_id) == (1, int.from_bytes(encoded[1:5], "big"))
        assert client.get_subjects() == ["shop.Sold-value"]
        assert not client.test_compatibility("shop.Sold-value", Schema(WIDER, "AVRO"))
        client.set_compatibility("shop.Sold-value", "NONE")
        assert client.get_compatibility("shop.Sold-value") == "NONE"
        stay = '{"type": "record", "name": "Stay", "fields": [{"name": "sold", "type": "Sold"}]}'
        reference = SchemaReference("Sold", "shop.Sold-value", 1)
        id = client.register_schema("shop.Stay-value", Schema(stay, "AVRO", [reference]))
        assert client.get_schema(id).references == [reference]
        found = client.lookup_schema("shop.Stay-value", Schema(stay, "AVRO", [reference]))
        assert found.version == 1
        client.delete_subject("shop.Stay-value")
        assert client.delete_subject("shop.Sold-value") == [1]


@pytest.mark.server
def test_parallel_registrations_of_separate_clients_give_one_id(registry: SqliteRegistry) -> None:
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

    with served(registry) as url, ThreadPoolExecutor(20) as threads:

        def register(_: int) -> int:
            with SchemaRegistryClient({"url": url}) as client:
                return client.register_schema("shop.Sold-value", Schema(TEXT, "AVRO"))

        assert set(threads.map(register, range(200))) == {1}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/subjects/other/versions", None, 404, 40401),
        ("GET", "/subjects/sold/versions/9", None, 404, 40402),
        ("GET", "/subjects/sold/versions/x", None, 422, 42202),
        ("GET", "/schemas/ids/9", None, 404, 40403),
        ("GET", "/config/sold", None, 404, 40408),
        ("PUT", "/config/sold", {"compatibility": "SOME"}, 422, 42203),
        ("POST", "/subjects/sold/versions", {"schema": "{"}, 422, 42201),
        ("POST", "/subjects/sold/versions", {"schema": '"\\ud800"'}, 422, 42201),
        ("POST", "/subjects/sold/versions", {"schema": TEXT, "schemaType": "JSON"}, 422, 42201),
        ("POST", "/subjects/sold/versions", {"schema": WIDER}, 409, 409),
        ("POST", "/subjects/sold/versions", {}, 422, 422),
        ("POST", "/subjects/sold", {"schema": WIDER}, 404, 40403),
    ],
)
def test_refusal_has_the_code_of_confluent(
    api: TestClient, method: str, path: str, body: Any, status: int, code: int
) -> None:
    api.post("/subjects/sold/versions", json={"schema": TEXT}).raise_for_status()
    reply = api.request(method, path, json=body)
    assert (reply.status_code, reply.json()["error_code"]) == (status, code)


def test_deleted_version_is_hidden_and_its_id_still_found(api: TestClient) -> None:
    id = api.post("/subjects/sold/versions", json={"schema": TEXT}).json()["id"]
    assert api.delete("/subjects/sold/versions/latest").json() == 1
    assert api.get("/subjects").json() == []
    assert api.get("/subjects?deleted=true").json() == ["sold"]
    assert json.loads(api.get(f"/schemas/ids/{id}").json()["schema"]) == SOLD
    assert api.delete("/subjects/sold?permanent=true").json() == [1]


def test_page_of_another_host_or_without_token_is_refused(registry: SqliteRegistry) -> None:
    guarded = create_app(registry, "secret", ["127.0.0.1"])
    for base, headers, status in (
        ("http://127.0.0.1", {"authorization": "Bearer secret"}, 200),
        ("http://127.0.0.1", {"authorization": "Basic eDpzZWNyZXQ="}, 200),  # x:secret
        ("http://127.0.0.1", {"authorization": "Bearer other"}, 401),
        ("http://127.0.0.1", {}, 401),
        ("http://evil.example", {"authorization": "Bearer secret"}, 403),
    ):
        reply = TestClient(guarded, base_url=base).get("/subjects", headers=headers)
        assert reply.status_code == status
    simple = TestClient(guarded, base_url="http://127.0.0.1")
    headers = {"authorization": "Bearer secret", "content-type": "text/plain"}
    assert simple.post("/subjects/sold/versions", content=TEXT, headers=headers).status_code == 415
