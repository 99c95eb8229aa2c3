"""The public entry points: an HTTP API of API Gateway, or a function URL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ....resource import Resource
from ...base import Health
from ..client import NotFound
from ..place import ALIAS, TAG
from ..policy import invoker_name
from .base import Context, Plain
from .functions import Functions

_STAGE = "$default"


class Apis(Plain):
    """An HTTP API with a route for each path; a route invokes the alias of a function."""

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the API with our tag."""
        for api in self._find():
            key = api["ApiId"]
            integrations = self._integrations(key)
            stages = self._client.call("apigatewayv2", "get_stages", ApiId=key)["Items"]
            waits = {each["TimeoutInMillis"] for each in integrations.values()}
            yield (
                api["Name"],
                {
                    "Name": api["Name"],
                    "Stage": next((each["StageName"] for each in stages), ""),
                    "Routes": {
                        route["RouteKey"]: _function(integrations.get(_target(route)))
                        for route in sorted(self._routes(key), key=lambda each: each["RouteKey"])
                    },
                    "TimeoutInMillis": waits.pop() if len(waits) == 1 else 0,
                },
            )

    def apply(self, resource: Resource) -> None:
        """Create the API, or update its routes; add new routes before deleting old ones."""
        wanted = resource.manifest
        api = next((each["ApiId"] for each in self._find()), "") or self._create(resource.name)
        targets = {each: self._integrate(api, each, wanted) for each in self._functions(wanted)}
        found = {each["RouteKey"]: each for each in self._routes(api)}
        for key, function in wanted["Routes"].items():
            target = f"integrations/{targets[function]}"
            if key not in found:
                self._call("create_route", api, RouteKey=key, Target=target)
            elif _target(found[key]) != targets[function]:
                self._call("update_route", api, RouteId=found[key]["RouteId"], Target=target)
        for key in set(found) - set(wanted["Routes"]):
            self._call("delete_route", api, RouteId=found[key]["RouteId"])
        for key in set(self._integrations(api)) - set(targets.values()):
            self._call("delete_integration", api, IntegrationId=key)
        if not self._client.call("apigatewayv2", "get_stages", ApiId=api)["Items"]:
            self._call("create_stage", api, StageName=_STAGE, AutoDeploy=True)

    def delete(self, name: str) -> None:
        """Delete the API with its routes, integrations and stage."""
        for api in self._find():
            self._call("delete_api", api["ApiId"])

    def health(self, name: str) -> Health:
        """Return that the API is ready, with its URL as the reason."""
        return Health("ready", next((each["ApiEndpoint"] for each in self._find()), ""))

    def _create(self, name: str) -> str:
        answer = self._client.call(
            "apigatewayv2", "create_api", Name=name, ProtocolType="HTTP", Tags=self._context.tags
        )
        return str(answer["ApiId"])

    def _integrate(self, api: str, function: str, wanted: dict[str, Any]) -> str:
        """Create or update the integration of a function; return its id."""
        arguments = {
            "IntegrationUri": self._place.alias_arn(function),
            "TimeoutInMillis": wanted["TimeoutInMillis"],
        }
        for key, each in self._integrations(api).items():
            if _function(each) == function:
                if each["TimeoutInMillis"] != wanted["TimeoutInMillis"]:
                    self._call("update_integration", api, IntegrationId=key, **arguments)
                return key
        answer = self._call(
            "create_integration",
            api,
            **arguments,
            IntegrationType="AWS_PROXY",
            PayloadFormatVersion="2.0",
            CredentialsArn=self._place.role_arn(invoker_name(self._place)),
        )
        return str(answer["IntegrationId"])

    def _call(self, operation: str, api: str, **arguments: Any) -> dict[str, Any]:
        return self._client.call("apigatewayv2", operation, ApiId=api, **arguments)

    def _find(self) -> list[Any]:
        found = self._client.list("apigatewayv2", "get_apis", "Items")
        return [each for each in found if each.get("Tags", {}).get(TAG) == self._place.namespace]

    def _routes(self, api: str) -> list[Any]:
        return [*self._client.list("apigatewayv2", "get_routes", "Items", ApiId=api)]

    def _integrations(self, api: str) -> dict[str, Any]:
        found = self._client.list("apigatewayv2", "get_integrations", "Items", ApiId=api)
        return {each["IntegrationId"]: each for each in found}

    @staticmethod
    def _functions(wanted: dict[str, Any]) -> list[str]:
        return sorted(set(wanted["Routes"].values()))


def _target(route: dict[str, Any]) -> str:
    return str(route.get("Target", "")).removeprefix("integrations/")


def _function(integration: dict[str, Any] | None) -> str:
    """Return the function that an integration invokes."""
    uri = str(integration["IntegrationUri"]) if integration else ""
    return uri.removesuffix(f":{ALIAS}").rpartition(":")[2] if uri.endswith(f":{ALIAS}") else uri


class FunctionUrls(Plain):
    """The public URL of a function's alias; the gateway inside the function checks the callers."""

    def __init__(self, context: Context, functions: Functions) -> None:
        super().__init__(context)
        self._functions = functions

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the URLs of our functions."""
        for name in self._functions.found:
            if found := self._url(name):
                yield (
                    name,
                    {
                        "FunctionName": name,
                        "AuthType": found["AuthType"],
                        "Permissions": self._permissions(name),
                    },
                )

    def apply(self, resource: Resource) -> None:
        """Create the URL and allow everybody to call it."""
        name = resource.name
        where = {"FunctionName": name, "Qualifier": ALIAS}
        exists = self._url(name)
        operation = "update_function_url_config" if exists else "create_function_url_config"
        self._client.call("lambda", operation, **where, AuthType=resource.manifest["AuthType"])
        grants: dict[str, dict[str, Any]] = {
            "call": {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
            "invoke": {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
        }
        for sid in set(grants) - set(self._permissions(name)):
            grant = grants[sid]
            self._client.call(
                "lambda", "add_permission", **where, StatementId=sid, Principal="*", **grant
            )

    def delete(self, name: str) -> None:
        """Delete the URL, and the permission to call it."""
        where = {"FunctionName": name, "Qualifier": ALIAS}
        for sid in self._permissions(name):
            self._client.call("lambda", "remove_permission", **where, StatementId=sid)
        self._client.call("lambda", "delete_function_url_config", **where)

    def health(self, name: str) -> Health:
        """Return that the URL is ready, with the URL as the reason."""
        return Health("ready", self._url(name).get("FunctionUrl", ""))

    def _url(self, name: str) -> dict[str, Any]:
        try:
            return self._client.call(
                "lambda", "get_function_url_config", FunctionName=name, Qualifier=ALIAS
            )
        except NotFound:
            return {}

    def _permissions(self, name: str) -> list[str]:
        try:
            answer = self._client.call("lambda", "get_policy", FunctionName=name, Qualifier=ALIAS)
        except NotFound:
            return []
        return sorted(each["Sid"] for each in json.loads(answer["Policy"])["Statement"])
