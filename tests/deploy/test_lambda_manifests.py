"""The AWS Lambda resources rendered for a project, without an account."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from neurova.errors import ConfigError
from neurova.settings.deploy import Deploy
from neurova_deploy.project import Access, Project, Unit
from neurova_deploy.targets.aws_lambda.manifests import render, render_canary, route_key

DEPLOY = Deploy(target="lambda", image="shop-{service}:1", account="1" * 12, region="eu-west-1")
CART = Unit("cart", ("cart",), "shop-cart:1", migrations="abc")
GREET = Unit("greet", ("greet",), "shop-greet:1")


def project(*units: Unit, access: tuple[Access, ...] = (), **settings: Any) -> Project:
    deploy = msgspec.structs.replace(DEPLOY, **settings)
    return Project("shop", "test", deploy, units or (CART, GREET), access)


@pytest.mark.parametrize(
    ("template", "route"),
    [
        ("/", "ANY /"),
        ("/cart", "ANY /cart"),
        ("/cart/{id}/items/{item}", "ANY /cart/{p2}/items/{p4}"),
        ("/files/{*}", "ANY /files/{proxy+}"),
    ],
)
def test_template_becomes_a_route_of_api_gateway(template: str, route: str) -> None:
    assert route_key(template) == route


def test_path_of_two_services_is_refused() -> None:
    rows = [("cart", "GET HEAD /carts/{id}"), ("greet", "PUT /carts/{name}")]
    access = tuple(Access(f"{name}.it", name, route, "public") for name, route in rows)
    with pytest.raises(ConfigError, match="a route has one function"):
        render(project(access=access))


def test_secret_values_are_in_no_resource() -> None:
    found = render(project(secret_variables=("PGPASSWORD=postgres#password",)))
    functions = [each.manifest for each in found if each.kind == "Function"]
    variables = [each["Environment"]["SECRETS_MANAGER_VARIABLES"] for each in functions]
    assert variables == ["PGPASSWORD=postgres#password"] * 2
    role = next(each for each in found if each.key == "Role/shop-cart-runtime")
    statements = {each["Sid"]: each for each in role.manifest["Policy"]["Statement"]}
    assert statements["ReadSecrets"]["Resource"] == [
        f"arn:aws:secretsmanager:eu-west-1:{'1' * 12}:secret:postgres-??????"
    ]


def test_function_without_needs_may_only_write_logs() -> None:
    role = next(each for each in render(project()) if each.name == "shop-greet-runtime")
    assert role.kind == "Role"
    assert [each["Sid"] for each in role.manifest["Policy"]["Statement"]] == ["WriteLogs"]


def test_canary_has_the_migrations_of_the_new_version_only() -> None:
    stable = render(project())
    new = msgspec.structs.replace(CART, image="shop-cart:2", migrations="def")
    found = {each.key: each for each in render_canary(project(new, GREET), stable, 10)}
    assert [key for key in found if "Migration" in key] == ["Migration/shop-cart-runtime-def"]
    function, alias = (found[f"{kind}/shop-cart-runtime"] for kind in ("Function", "Alias"))
    assert alias.manifest["Weights"] == {function.hash: 0.1}
    with pytest.raises(ConfigError, match="no function differs"):
        render_canary(project(), stable, 10)
