"""The description of one function as an operation of the document."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from inspect import unwrap
from typing import Any

import msgspec

from neurova.binding.parameter import REQUIRED, Parameter
from neurova.endpoints.function import DirectFunction, HttpFunction
from neurova.http.problem import reason_phrase
from neurova.http.reply import JSON

from . import headers
from .examples import NoExample, example
from .problems import describe_problems
from .responses import ANY, ResponseForms, response_forms
from .schemas import NO_NUL, SEGMENT, Schema, with_pattern, with_valid_default

IN = ("path", "query", "header", "cookie")
# OpenAPI ignores parameters with these names (OpenAPI 3.1, 4.8.12.2.1).
_NO_PARAMETERS = frozenset({"accept", "content-type", "authorization"})
_JSON = JSON.decode()


def list_types(function: HttpFunction) -> Iterator[tuple[Hashable, Any]]:
    """Yield a key and the type for each schema that an operation needs."""
    for parameter in function.binding.parameters:
        if parameter.kind in (*IN, "body"):
            yield (function.name, parameter.name), parameter.type
    json = response_forms(function.binding.returns).json
    if json is not REQUIRED:
        yield (function.name, None), json


class Operation(msgspec.Struct, frozen=True):
    """Build the description of one function.

    `schemas`: the schemas of the function's types, by key. `named`: the referenced schemas, by
    `$ref`. `limited`: each consumer has a rate limit that all operations share. `renamed`: the new
    names of path parameters.
    """

    function: HttpFunction
    schemas: Mapping[Hashable, Schema]
    named: Mapping[str, Schema]
    limited: bool
    renamed: Mapping[str, str]

    def build(self) -> dict[str, Any]:
        """Return the operation object."""
        function = self.function
        description = function.description
        operation: dict[str, Any] = {"operationId": function.name}
        operation["tags"] = list(dict.fromkeys((function.service, *description.tags)))
        operation.update(self._texts())
        if description.deprecated or description.sunset:
            operation["deprecated"] = True
        parameters = [self._parameter(each) for each in self._parameters()]
        parameters += headers.list_request_headers(function)
        if parameters:
            operation["parameters"] = parameters
        for each in function.binding.parameters:
            if each.kind == "body":
                operation["requestBody"] = self._body(each)
        operation["responses"] = {
            **self._successes(response_forms(function.binding.returns)),
            **describe_problems(function, limited=self.limited),
        }
        scopes = list(description.scopes)
        is_public = description.public
        operation["security"] = [] if is_public else [{"ApiKey": scopes}, {"Bearer": scopes}]
        return {**operation, **self._extensions()}

    def _texts(self) -> dict[str, str]:
        function = self.function
        doc = function.doc or (unwrap(function.handler).__globals__.get("__doc__") or "").strip()
        summary, _, rest = doc.partition("\n")
        paragraphs = [rest.strip()] if rest.strip() else []
        paragraphs.append(_access(function))
        return {"summary": summary.strip() or function.name, "description": "\n\n".join(paragraphs)}

    def _parameters(self) -> list[Parameter]:
        return [
            each
            for each in self.function.binding.parameters
            if each.kind in IN and not (each.kind == "header" and each.alias in _NO_PARAMETERS)
        ]

    def _parameter(self, parameter: Parameter) -> dict[str, Any]:
        in_path = parameter.kind == "path"
        schema = self.schemas[self.function.name, parameter.name]
        name = self.renamed.get(parameter.alias) if in_path else None
        described: dict[str, Any] = {"name": name or parameter.alias, "in": parameter.kind}
        if isinstance(schema.get("description"), str):
            described["description"] = schema["description"]
        if parameter.default is REQUIRED:
            described["required"] = True
        if parameter.many:  # sent as `?day=1&day=2` or `x-tag: a, b`
            described |= {"explode": parameter.kind == "query"}
            described |= {"style": "form" if parameter.kind == "query" else "simple"}
        if parameter.default is not REQUIRED and parameter.default is not None:
            default = msgspec.to_builtins(parameter.default)
            schema = with_valid_default({**schema, "default": default})
        example = self._example(schema)
        if in_path or parameter.kind == "query":
            schema = with_pattern(schema, SEGMENT if in_path else NO_NUL)
        return {**described, "schema": schema, **example}

    def _body(self, parameter: Parameter) -> dict[str, Any]:
        schema = self.schemas[self.function.name, parameter.name]
        content = {_JSON: {"schema": schema, **self._example(schema)}}
        return {"required": parameter.default is REQUIRED, "content": content}

    def _successes(self, forms: ResponseForms) -> dict[str, Any]:
        """Return the responses of a successful call."""
        content: dict[str, Any] = {media: {} for media in forms.media}
        if forms.json is not REQUIRED:
            schema = self.schemas[self.function.name, None]
            content = {_JSON: {"schema": schema, **self._example(schema)}, **content}
        found: dict[str, Any] = {}
        if content:
            status = str(self.function.description.status)
            found[status] = self._success(self._describe(content, int(status)), content)
        if forms.empty:
            found["204"] = self._success(reason_phrase(204), {})
        if forms.free:
            found["2XX"] = self._success("Decided by the function.", {ANY: {}})
            found["3XX"] = self._success("Decided by the function.", {ANY: {}})
        if self.function.description.cache:
            found[headers.NOT_MODIFIED] = self._success(reason_phrase(304), {})
        if self.function.description.respond_async:
            accepted = {"Location": {"$ref": "#/components/headers/Location"}}
            found.setdefault("202", {"description": reason_phrase(202), "headers": accepted})
        return found

    def _describe(self, content: dict[str, Any], status: int) -> str:
        schema = content.get(_JSON, {}).get("schema", {})
        description = self.named.get(schema.get("$ref", ""), schema).get("description")
        return description if isinstance(description, str) else reason_phrase(status)

    def _success(self, description: str, content: dict[str, Any]) -> dict[str, Any]:
        response: dict[str, Any] = {"description": description}
        if fields := headers.list_response_headers(self.function):
            response["headers"] = fields
        return {**response, "content": content} if content else response

    def _example(self, schema: Schema) -> dict[str, Any]:
        try:
            return {"example": example(schema, self.named)}
        except NoExample:
            return {}

    def _extensions(self) -> dict[str, Any]:
        """Return the limits of a call, as extensions of OpenAPI."""
        description = self.function.description
        extensions = {
            "scopes": list(description.scopes),
            "limit": description.limit,
            "cost": description.cost if description.cost != 1 else None,
            "timeout": None if isinstance(self.function, DirectFunction) else description.timeout,
            "cache": description.cache,
            "sunset": description.sunset and description.sunset.isoformat(),
        }
        return {f"x-neurova-{name}": value for name, value in extensions.items() if value}


def _access(function: HttpFunction) -> str:
    """Describe in words who may call a function and how often, as most tools ignore extensions."""
    description = function.description
    if description.public:
        text = "Public, needs no key."
    elif description.scopes:
        many = "scopes" if len(description.scopes) > 1 else "scope"
        text = f"Needs a key with the {many} {', '.join(f'`{s}`' for s in description.scopes)}."
    else:
        text = "Needs a key, without a scope."
    if not description.limit:
        return text
    per = "client address" if description.public else "consumer"
    return f"{text} Limit: {description.limit} for each {per}."
