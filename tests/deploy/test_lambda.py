"""`neurova deploy` to AWS Lambda from plan to destroy, on moto's server."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from neurova_deploy.engine import Engine, Who, find_plan
from neurova_deploy.record import Content
from neurova_deploy.targets.aws_lambda.target import LambdaTarget
from neurova_deploy.targets.table import provider_of
from neurova_platform.deployment.project import load_deployment

from .aws import ACCOUNT, ALIAS, Calls, Cloud

pytestmark = pytest.mark.server
CART = ["update Function/shop-cart-runtime", "update Alias/shop-cart-runtime"]


@pytest.fixture
def cloud(aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.chdir(tmp_path)
    return Cloud(tmp_path, aws)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


def left(cloud: Cloud) -> dict[str, Any]:
    """Return all resources left in the account, whichever deployment created them."""
    return {
        "functions": cloud.client("lambda").list_functions()["Functions"],
        "mappings": cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"],
        "logs": cloud.client("logs").describe_log_groups()["logGroups"],
        "roles": cloud.client("iam").list_roles()["Roles"],
        "queues": cloud.client("sqs").list_queues().get("QueueUrls", []),
        "topics": cloud.client("sns").list_topics()["Topics"],
        "subscriptions": cloud.client("sns").list_subscriptions()["Subscriptions"],
        "schedules": cloud.client("scheduler").list_schedules()["Schedules"],
        "groups": cloud.client("scheduler").list_schedule_groups()["ScheduleGroups"][1:],
        "apis": cloud.client("apigatewayv2").get_apis()["Items"],
        "state": cloud.client("dynamodb").scan(TableName="neurova-deploy")["Items"],
    }


def test_change_rollback_and_destroy(cloud: Cloud, calls: Calls) -> None:
    assert "create Function/shop-cart-runtime" in cloud.plan()
    assert calls.seen == []
    cloud.deploy()
    assert cloud.plan() == []
    cloud.write("cart", "2")
    assert cloud.plan() == CART
    cloud.deploy("--only", "cart")
    assert cloud.plan() == []
    assert cloud.alias() == {"version": "2"}
    assert cloud("rollback", "--yes").code == 0
    assert cloud.alias() == {"version": "1"}
    assert [each for each, _ in calls.seen].count("PublishVersion") == 3  # two cart, one greet
    assert "execute-api" in cloud("status").out
    assert cloud("destroy", "--yes").code == 0
    assert {kind: each for kind, each in left(cloud).items() if each} == {}


def test_canary_gets_its_share_and_is_promoted(cloud: Cloud) -> None:
    cloud.deploy()
    cloud.write("cart", "2")
    cloud.deploy("--canary", "10%")
    assert cloud.alias() == {"version": "1", "2": 0.1}
    assert cloud("rollback", "--yes").code == 0
    assert cloud.alias() == {"version": "1"}
    cloud.deploy("--canary", "25%")
    assert cloud.alias() == {"version": "1", "2": 0.25}
    assert cloud("promote").code == 0
    assert cloud.alias() == {"version": "2"}
    (cloud.folder / "functions" / "cart" / "expire.py").unlink()
    done = cloud.deploy("--canary", "10%", code=3)
    assert "more than the versions of functions differs: Schedule/" in done.err


def test_interrupted_deployment_is_continued(cloud: Cloud, calls: Calls) -> None:
    """Interrupted before each change in turn, the deployment reaches the usual final state."""

    def deploy(is_interrupted: bool, changes: int) -> Any:
        found = load_deployment(cloud.folder, "test")
        resources = provider_of(found.project.deploy).render(found.project, found.kong)
        content = Content(resources, found.project.access)
        target = LambdaTarget(found.project)
        calls.interrupts, steps = is_interrupted, 0
        while True:
            try:
                Engine(target, Who("test"), lambda _: None).deploy(content, ready=5)
                break
            except KeyboardInterrupt:
                steps += 1
        calls.interrupts = False
        assert not find_plan(target, content)
        assert steps >= changes * is_interrupted
        return target.read()

    cloud.set("{service}", "all")
    states = []
    for is_interrupted in (True, False):
        cloud.write("cart")
        first = deploy(is_interrupted, 30)
        cloud.write("cart", "2")
        states.append((first, deploy(is_interrupted, 7)))
        assert cloud("destroy", "--yes").code == 0
    assert states[0] == states[1]


def test_unhealthy_version_gets_no_call(cloud: Cloud, calls: Calls) -> None:
    cloud.deploy()
    cloud.write("cart", "2")
    calls.seen.clear()
    cloud.answer('{"statusCode": 503, "body": "no database"}')
    done = cloud.deploy(code=1)
    assert "answers 503: no database" in done.err
    assert "release 1 serves" in done.err
    assert "UpdateAlias" not in dict(calls.seen)
    assert cloud.alias() == {"version": "1"}


def test_failed_migration_moves_no_alias(cloud: Cloud, calls: Calls) -> None:
    """moto runs no function: compare the requests and return the responses that AWS would send."""
    cloud.deploy()
    cloud.write("cart", "2")
    revision = cloud.folder / "functions" / "cart" / "migrations" / "0001.py"
    revision.parent.mkdir()
    revision.write_text("")
    payload = io.BytesIO(b'{"errorMessage": "no table", "errorType": "StateError"}')
    calls.answers["Invoke"] = {"Payload": payload, "FunctionError": "Unhandled"}
    calls.seen.clear()
    assert "the migration failed: no table" in cloud.deploy(code=1).err
    assert next(each for operation, each in calls.seen if operation == "Invoke") == {
        "FunctionName": "shop-cart-runtime",
        "Qualifier": "2",
        "Payload": b'{"neurova": "migrate"}',
    }
    assert cloud.alias() == {"version": "1"}


def change_alias(cloud: Cloud) -> None:
    functions = cloud.client("lambda")
    functions.update_function_configuration(FunctionName=ALIAS["FunctionName"], Timeout=7)
    version = functions.publish_version(FunctionName=ALIAS["FunctionName"])["Version"]
    functions.update_alias(**ALIAS, FunctionVersion=version)


def change_role(cloud: Cloud) -> None:
    cloud.client("iam").delete_role_policy(RoleName="shop-cart-runtime", PolicyName="neurova")


def change_queue(cloud: Cloud) -> None:
    queues = cloud.client("sqs")
    url = queues.get_queue_url(QueueName="shop-cart-later")["QueueUrl"]
    queues.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})


def change_routes(cloud: Cloud) -> None:
    apis = cloud.client("apigatewayv2")
    api = apis.get_apis()["Items"][0]["ApiId"]
    route = next(r for r in apis.get_routes(ApiId=api)["Items"] if r["RouteKey"] == "$default")
    apis.delete_route(ApiId=api, RouteId=route["RouteId"])


def change_schedule(cloud: Cloud) -> None:
    cloud.client("scheduler").delete_schedule(GroupName="shop", Name="shop-cart-runtime-sweep")


def test_drift_by_hand_is_found_and_repaired(cloud: Cloud) -> None:
    cloud.deploy()
    for change in (change_alias, change_role, change_queue, change_routes, change_schedule):
        change(cloud)
    assert cloud.plan() == [
        "update Queue/shop-cart-later",
        "update Role/shop-cart-runtime",
        *CART,
        "create Schedule/shop-cart-runtime-sweep",
        "update Api/shop-api",
    ]
    cloud.deploy()
    assert cloud.plan() == []
    assert cloud.alias() == {"version": "1"}


def test_resources_of_others_are_not_touched(cloud: Cloud) -> None:
    role = cloud.client("iam").create_role(RoleName="other", AssumeRolePolicyDocument="{}")["Role"]
    for name in ("shop-other", "shop-greet-runtime"):
        cloud.client("lambda").create_function(
            FunctionName=name, Role=role["Arn"], Code={"ImageUri": "a:1"}, PackageType="Image"
        )
    done = cloud.deploy(code=1)
    assert "Function/shop-greet-runtime: there is one already" in done.err
    cloud.client("lambda").delete_function(FunctionName="shop-greet-runtime")
    cloud.deploy()
    assert cloud("destroy", "--yes").code == 0
    assert [each["FunctionName"] for each in left(cloud)["functions"]] == ["shop-other"]


def test_function_url_serves_all_services(cloud: Cloud) -> None:
    cloud.set("{service}", "all")
    cloud.set("ready = 5", 'ready = 5\nfront = "url"')
    cloud.deploy()
    assert cloud.plan() == []
    assert "lambda-url" in cloud("status").out
    policy = cloud.client("lambda").get_policy(FunctionName="shop-runtime", Qualifier="live")
    statements = {each["Sid"]: each for each in json.loads(policy["Policy"])["Statement"]}
    assert set(statements) == {"call", "invoke"}
    assert cloud("destroy", "--yes").code == 0
    assert left(cloud)["functions"] == []


def test_old_versions_are_pruned(cloud: Cloud) -> None:
    cloud.deploy()
    functions = cloud.client("lambda")
    for number in range(12):
        description = {"FunctionName": ALIAS["FunctionName"], "Description": f"neurova {number}"}
        functions.update_function_configuration(**description)
        functions.publish_version(FunctionName=ALIAS["FunctionName"])
    cloud.write("cart", "2")
    cloud.deploy()
    found = functions.list_versions_by_function(FunctionName=ALIAS["FunctionName"])["Versions"]
    assert [each["Version"] for each in found][1:] == [str(each) for each in range(5, 15)]


def test_second_deployment_is_refused_while_one_runs(cloud: Cloud) -> None:
    key = {"deployment": {"S": "shop"}, "item": {"S": "lock"}, "holder": {"S": "laptop 7"}}
    table = cloud.client("dynamodb")
    for expires in ("32503680000", "1"):
        item = {**key, "who": {"S": "ada"}, "expires": {"N": expires}}
        table.put_item(TableName="neurova-deploy", Item=item)
        done = cloud("test", "--yes")
        is_held = expires != "1"
        assert ("another deployment runs: ada, laptop 7" in done.err) is is_held
        assert done.code == int(is_held)


@pytest.mark.parametrize(
    ("operation", "code", "said"),
    [
        ("GetCallerIdentity", "ExpiredToken", "the credentials are refused"),
        ("CreateRole", "AccessDenied", "give your account the permission"),
        ("ListFunctions", "TooManyRequestsException", "repeat the command, it continues"),
        ("CreateFunction", "CodeStorageExceededException", "raise the quota"),
        ("CreateFunction", "InvalidParameterValueException", "correct the setting"),
    ],
)
def test_refusal_names_the_fix(
    cloud: Cloud, calls: Calls, operation: str, code: str, said: str
) -> None:
    calls.refuses[operation] = code
    done = cloud("test", "--yes")
    assert done.code in (1, 5)
    assert said in done.err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (f'account = "{ACCOUNT}"', 'account = "210987654321"', f"are of the account {ACCOUNT}"),
        ("ready = 5", 'state_table = "gone"', "aws dynamodb create-table"),
        ("sqs://eu-central-1/shop", "amqp://rabbit", "the bus must be SQS"),
        ("ready = 5", 'cpu = "2"', 'has no use with target = "lambda": remove it'),
        ("ready = 5", 'memory = "64 MiB"', "must be 128 MiB to 10240 MiB"),
        ("ready = 5", 'front = "url"', "remove {service} from image"),
        ('region = "eu-central-1"', 'region = "Europe"', "is not a region"),
    ],
)
def test_wrong_setting_names_the_fix(cloud: Cloud, old: str, new: str, said: str) -> None:
    cloud.set(old, new)
    done = cloud("--plan")
    assert done.code == 3
    assert said in done.err


def test_missing_credentials_name_the_fix(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(cloud.folder / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(cloud.folder / "none"))
    done = cloud("--plan")
    assert done.code == 3
    assert "`aws sts get-caller-identity` works" in done.err
