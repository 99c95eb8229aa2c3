"""One function as an operation of the document."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from inspect import unwrap
from typing import Any

import msgspec

from neurova.binding.parameter import REQUIRED, Parameter
from neurova.endpoints.function import DirectFunction, HttpFunction
from neurova.http.problem import phrase
from neurova.http.reply import JSON

from . import offers
from .examples import NoExample, example
from .problems import problems
from .replies import ANY, Returns, returns
from .schemas import NO_NUL, SEGMENT, Schema, patterned, with_default

IN = ("path", "query", "header", "cookie")
# OpenAPI 3.1, 4.8.12.2.1: what it states elsewhere is no parameter.
_STATED = frozenset({"accept", "content-type", "authorization"})
_JSON = JSON.decode()


def types(function: HttpFunction) -> Iterator[tuple[Hashable, Any]]:
    """Yield the types that an operation needs the schemas of, each with its key."""
    for parameter in function.binding.parameters:
        if parameter.kind in (*IN, "body"):
            yield (function.name, parameter.name), parameter.type
    json = returns(function.binding.returns).json
    if json is not REQUIRED:
        yield (function.name, None), json


class Operation:
    """Describe one function.

    `schemas`: of its types, by key; `named`: those that they refer to, by `$ref`. `limited`: some
    limit binds each consumer everywhere. `renamed`: path parameters that are called otherwise here.
    """

    def __init__(
        self,
        function: HttpFunction,
        schemas: Mapping[Hashable, Schema],
        named: Mapping[str, Schema],
        *,
        limited: bool,
        renamed: Mapping[str, str],
    ) -> None:
        self._function = function
        self._schemas = schemas
        self._named = named
        self._limited = limited
        self._renamed = renamed

    def build(self) -> dict[str, Any]:
        """Return the operation object."""
        function = self._function
        description = function.description
        made: dict[str, Any] = {"operationId": function.name}
        made["tags"] = list(dict.fromkeys((function.service, *description.tags)))
        made.update(self._words())
        if description.deprecated or description.sunset:
            made["deprecated"] = True
        parameters = [self._parameter(each) for each in self._parameters()]
        parameters += offers.parameters(function)
        if parameters:
            made["parameters"] = parameters
        for each in function.binding.parameters:
            if each.kind == "body":
                made["requestBody"] = self._body(each)
        made["responses"] = {
            **self._successes(returns(function.binding.returns)),
            **problems(function, limited=self._limited),
        }
        scopes = list(description.scopes)
        made["security"] = [] if description.public else [{"ApiKey": scopes}, {"Bearer": scopes}]
        return {**made, **self._bounds()}

    def _words(self) -> dict[str, str]:
        function = self._function
        doc = function.doc or (unwrap(function.handler).__globals__.get("__doc__") or "").strip()
        summary, _, rest = doc.partition("\n")
        paragraphs = [rest.strip()] if rest.strip() else []
        paragraphs.append(_access(function))
        return {"summary": summary.strip() or function.name, "description": "\n\n".join(paragraphs)}

    def _parameters(self) -> list[Parameter]:
        return [
            each
            for each in self._function.binding.parameters
            if each.kind in IN and not (each.kind == "header" and each.alias in _STATED)
        ]

    def _parameter(self, parameter: Parameter) -> dict[str, Any]:
        in_path = parameter.kind == "path"
        schema = self._schemas[self._function.name, parameter.name]
        made: dict[str, Any] = {
            "name": self._renamed.get(parameter.alias, parameter.alias)
            if in_path
            else parameter.alias,
            "in": parameter.kind,
        }
        if isinstance(schema.get("description"), str):
            made["description"] = schema["description"]
        if parameter.default is REQUIRED:
            made["required"] = True
        if parameter.many:  # the very form that is read: ?day=1&day=2, or x-tag: a, b
            made |= {"explode": parameter.kind == "query"}
            made |= {"style": "form" if parameter.kind == "query" else "simple"}
        if parameter.default is not REQUIRED and parameter.default is not None:
            default = msgspec.to_builtins(parameter.default)
            schema = with_default({**schema, "default": default})
        example = self._example(schema)
        if in_path or parameter.kind == "query":
            schema = patterned(schema, SEGMENT if in_path else NO_NUL)
        return {**made, "schema": schema, **example}

    def _body(self, parameter: Parameter) -> dict[str, Any]:
        schema = self._schemas[self._function.name, parameter.name]
        content = {_JSON: {"schema": schema, **self._example(schema)}}
        return {"required": parameter.default is REQUIRED, "content": content}

    def _successes(self, says: Returns) -> dict[str, Any]:
        """Return the responses of a call that went well."""
        content: dict[str, Any] = {media: {} for media in says.media}
        if says.json is not REQUIRED:
            schema = self._schemas[self._function.name, None]
            content = {_JSON: {"schema": schema, **self._example(schema)}, **content}
        found: dict[str, Any] = {}
        if content:
            status = str(self._function.description.status)
            found[status] = self._success(self._about(content, int(status)), content)
        if says.nothing:
            found["204"] = self._success(phrase(204), {})
        if says.free:
            found["2XX"] = self._success("As the function says.", {ANY: {}})
            found["3XX"] = self._success("As the function says.", {ANY: {}})
        if self._function.description.cache:
            found[offers.NOT_MODIFIED] = self._success(phrase(304), {})
        return found

    def _about(self, content: dict[str, Any], status: int) -> str:
        schema = content.get(_JSON, {}).get("schema", {})
        about = self._named.get(schema.get("$ref", ""), schema).get("description")
        return about if isinstance(about, str) else phrase(status)

    def _success(self, says: str, content: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {"description": says}
        fields = offers.headers(self._function)
        if fields:
            made["headers"] = fields
        return {**made, "content": content} if content else made

    def _example(self, schema: Schema) -> dict[str, Any]:
        try:
            return {"example": example(schema, self._named)}
        except NoExample:
            return {}

    def _bounds(self) -> dict[str, Any]:
        """Return what bounds a call, in words that only NEUROVA has."""
        description = self._function.description
        found: dict[str, Any] = {}
        if description.scopes:
            found["x-neurova-scopes"] = list(description.scopes)
        if description.limit:
            found["x-neurova-limit"] = description.limit
        if description.cost != 1:
            found["x-neurova-cost"] = description.cost
        if not isinstance(self._function, DirectFunction):
            found["x-neurova-timeout"] = description.timeout
        if description.cache:
            found["x-neurova-cache"] = description.cache
        if description.sunset is not None:
            found["x-neurova-sunset"] = description.sunset.isoformat()
        return found


def _access(function: HttpFunction) -> str:
    """Say in words who may call, and how often, for readers that know nothing of our fields."""
    description = function.description
    if description.public:
        said = "Public: no key is asked for."
    elif description.scopes:
        many = "scopes" if len(description.scopes) > 1 else "scope"
        said = f"Needs a key with the {many} {', '.join(f'`{s}`' for s in description.scopes)}."
    else:
        said = "Needs a key, any will do."
    if not description.limit:
        return said
    whose = "caller's address" if description.public else "consumer"
    return f"{said} Limit: {description.limit} for each {whose}."
