"""Read a function's signature: the source and the type of each parameter."""

from __future__ import annotations

import builtins
import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin

from ..errors import BindError
from ..functions.descriptions import Http
from ..http.reply import is_token
from .injection import injectable_inside, injectable_of
from .markers import Cookie, Header
from .parameter import REQUIRED, TRANSACTIONS, Parameter, Signature
from .value_types import form_of, strip_none

_PATH_PARAMETER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def read_signature(handler: Callable[..., Any], description: Http, place: str) -> Signature:
    """Return the signature of `handler`. Raises BindError with place, parameter and fix."""
    return _SignatureReader(handler, description, place).read()


def type_name(annotation: Any) -> str:
    """Return a type as source code shows it."""
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


class _SignatureReader:
    """Read one function's signature; `place` is "file:line: function" for messages."""

    def __init__(self, handler: Callable[..., Any], description: Http, place: str) -> None:
        self.function: Any = inspect.unwrap(handler)
        self.globals: dict[str, Any] = self.function.__globals__
        self.method = description.method
        self.place = place
        self.path_parameters = _PATH_PARAMETER.findall(description.path)

    def fault(self, name: str, what: str, fix: str) -> BindError:
        subject = f"parameter {name!r}" if name else "signature"
        return BindError(f"{subject}: {what}", where=self.place, fix=fix)

    def read(self) -> Signature:
        code = self.function.__code__
        if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
            raise self.fault("", "*args and **kwargs cannot be bound", "name each parameter")
        count = code.co_argcount + code.co_kwonlyargcount
        annotations, defaults = self.function.__annotations__, self._defaults()
        parameters = tuple(
            self._parameter(
                name,
                self._resolve(name, annotations[name]) if name in annotations else REQUIRED,
                defaults.get(name, REQUIRED),
                index >= code.co_argcount,
            )
            for index, name in enumerate(code.co_varnames[:count])
        )
        self._check(parameters)
        returns = annotations.get("return", REQUIRED)
        return Signature(parameters, self._resolve("return", returns))

    def _defaults(self) -> dict[str, Any]:
        code, defaults = self.function.__code__, self.function.__defaults__ or ()
        positional = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
        return dict(zip(positional, defaults, strict=True)) | (self.function.__kwdefaults__ or {})

    def _resolve(self, name: str, annotation: Any) -> Any:
        """Evaluate an annotation that is a string."""
        if type(annotation) is not str:
            return annotation
        if annotation.isidentifier():
            found = self.globals.get(annotation, REQUIRED)
            if found is REQUIRED:
                found = getattr(builtins, annotation, REQUIRED)
            if found is not REQUIRED:
                return found
        try:
            return eval(annotation, self.globals)  # noqa: S307 - source code of the function file
        except NameError as error:
            what = f"the annotation {annotation!r} uses {error.name!r}, which is not defined here"
            fix = f"import {error.name} at the top of the file (not under TYPE_CHECKING)"
            raise self.fault(name, what, fix) from None
        except Exception as error:
            what = f"the annotation {annotation!r} fails ({type(error).__name__}: {error})"
            raise self.fault(name, what, "fix the annotation") from None

    def _parameter(self, name: str, annotation: Any, default: Any, keyword: bool) -> Parameter:
        if annotation is REQUIRED:
            fix = "write the type after its name, like `nights: int`"
            raise self.fault(name, "the parameter has no type", fix)
        try:
            injectable = injectable_of(annotation)
        except ValueError as error:
            raise self.fault(name, str(error), "") from None
        if injectable is not None:
            if default is not REQUIRED:
                raise self.fault(name, "the platform provides this parameter", "remove its default")
            return Parameter(name, injectable.kind, name, annotation, keyword=keyword)
        inside = injectable_inside(annotation)
        if inside:
            # Reading it from the body would let callers choose their own identity.
            what = f"the platform provides {inside} itself, not inside another type"
            raise self.fault(name, what, f"write `{name}: {inside}`")
        kind, alias, bare = self._source(name, annotation)
        if kind == "query" and form_of(bare) == "body":
            return self._body(name, bare, default, keyword)
        return self._value(name, kind, alias, bare, default, keyword)

    def _value(
        self, name: str, kind: str, alias: str, annotation: Any, default: Any, keyword: bool
    ) -> Parameter:
        form = form_of(annotation)
        if form is None or form == "body":
            raise self._unbindable(name, annotation)
        bare, optional = strip_none(annotation)
        if optional and default is REQUIRED:
            default = None
        if kind == "path" and (default is not REQUIRED or form == "many"):
            fix = "use a plain type without a default"
            raise self.fault(name, "a path parameter always has exactly one value", fix)
        if kind == "cookie" and form == "many":
            raise self.fault(name, "a cookie has one value", "use a plain type")
        return Parameter(name, kind, alias, bare, form == "many", default, keyword)

    def _source(self, name: str, annotation: Any) -> tuple[str, str, Any]:
        """Return the kind and alias of a parameter, and its type without the marker."""
        in_path = name in self.path_parameters
        if get_origin(annotation) is not Annotated:
            return ("path" if in_path else "query"), name, annotation
        bare, *metadata = get_args(annotation)
        kind, alias, others = "", name, []
        for each in metadata:
            marker = each() if each in (Header, Cookie) else each
            if not isinstance(marker, Header | Cookie):
                others.append(each)
                continue
            previous, kind = kind, "header" if isinstance(marker, Header) else "cookie"
            if previous:
                raise self.fault(name, f"it is both a {previous} and a {kind}", "choose one")
            alias = self._alias(name, kind, marker)
        if in_path and kind:
            raise self.fault(name, f"it is both in the path and a {kind}", "choose one")
        unmarked = Annotated[(bare, *others)] if others else bare
        return kind or ("path" if in_path else "query"), alias, unmarked

    def _alias(self, name: str, kind: str, marker: Header | Cookie) -> str:
        alias = marker.name or (name.replace("_", "-") if kind == "header" else name)
        if not is_token(alias):
            fix = "name it with ASCII letters, digits, - and _"
            raise self.fault(name, f"{alias!r} is not a valid {kind} name", fix)
        return alias.lower() if kind == "header" else alias

    def _body(self, name: str, annotation: Any, default: Any, keyword: bool) -> Parameter:
        if self.method not in _METHODS_WITH_BODY:
            raise self.fault(
                name,
                f"{self.method} has no body to read {type_name(annotation)} from",
                "answer POST, PUT, PATCH or DELETE, or take plain types from the query",
            )
        if default is REQUIRED and strip_none(annotation)[1]:
            default = None
        return Parameter(name, "body", name, annotation, default=default, keyword=keyword)

    def _unbindable(self, name: str, annotation: Any) -> BindError:
        bases = getattr(annotation, "__mro__", ())
        if any(base.__module__ == "starlette.background" for base in bases):
            fix = "call `tx.after_commit(...)` of a Tx, or return a Starlette response with one"
            return self.fault(name, f"the platform provides no {type_name(annotation)}", fix)
        if name in self.path_parameters:
            what = f"{type_name(annotation)} cannot be read from one path segment"
            return self.fault(name, what, "use a plain type, like str or int")
        return self.fault(
            name,
            f"{type_name(annotation)} cannot be bound",
            "use a msgspec.Struct or dataclass for the body; int, float, bool, str, date, "
            "datetime, time, timedelta, UUID, Decimal, Enum, Literal or list of one for the rest",
        )

    def _check(self, parameters: tuple[Parameter, ...]) -> None:
        """Raise BindError for parameters that conflict with each other or with the path."""
        bodies = [parameter.name for parameter in parameters if parameter.kind == "body"]
        if len(bodies) > 1:
            fix = f"write one Struct with {' and '.join(bodies)}"
            raise self.fault(bodies[1], f"parameter {bodies[0]!r} already takes the body", fix)
        transactions = [each.name for each in parameters if each.kind in TRANSACTIONS]
        if len(transactions) > 1:
            what = f"parameter {transactions[0]!r} already takes the transaction"
            raise self.fault(transactions[1], what, "keep one of them")
        kinds = {parameter.name: parameter.kind for parameter in parameters}
        for name in self.path_parameters:
            if name not in kinds:
                what = f"the path has {{{name}}}, but the function has no such parameter"
                raise self.fault(name, what, f"add `{name}: str`, or fix the path")
            if kinds[name] != "path":
                what = f"{{{name}}} is in the path, but the platform provides this parameter"
                raise self.fault(name, what, "rename one of them")
