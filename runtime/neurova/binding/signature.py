"""What a function's signature asks for: each parameter, where it comes from, its type."""

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
from .parameter import REQUIRED, Parameter, Signature
from .shapes import shape, without_none
from .sources import Cookie, Header

_TEMPLATE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_BODIED = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_NEEDS = "write the type after its name, like `nights: int`"


class _Reader:
    """Read one function's signature; `place` opens each message: file:line: function."""

    def __init__(self, handler: Callable[..., Any], description: Http, place: str) -> None:
        self.function: Any = inspect.unwrap(handler)
        self.globals: dict[str, Any] = self.function.__globals__
        self.description = description
        self.place = place
        self.in_path = _TEMPLATE.findall(description.path)

    def fault(self, name: str, wrong: str, fix: str) -> BindError:
        where = f"parameter {name!r}" if name else "signature"
        return BindError(f"{self.place}: {where}: {wrong}: {fix}")

    def read(self) -> Signature:
        code = self.function.__code__
        if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
            raise self.fault("", "*args and **kwargs cannot be bound", "name each parameter")
        count = code.co_argcount + code.co_kwonlyargcount
        defaults = self.function.__defaults__ or ()
        optional = dict(
            zip(
                code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount],
                defaults,
                strict=True,
            )
        )
        optional.update(self.function.__kwdefaults__ or {})
        annotations = self.function.__annotations__
        parameters = tuple(
            self.parameter(
                name,
                self.resolve(name, annotations[name]) if name in annotations else REQUIRED,
                optional.get(name, REQUIRED),
                index >= code.co_argcount,
            )
            for index, name in enumerate(code.co_varnames[:count])
        )
        self.check(parameters)
        returns = annotations.get("return", REQUIRED)
        return Signature(parameters, self.resolve("return", returns))

    def resolve(self, name: str, annotation: Any) -> Any:
        """Return the object that an annotation written as text stands for."""
        if type(annotation) is not str:
            return annotation
        if annotation.isidentifier():
            found = self.globals.get(annotation, REQUIRED)
            if found is REQUIRED:
                found = getattr(builtins, annotation, REQUIRED)
            if found is not REQUIRED:
                return found
        try:
            return eval(annotation, self.globals)  # noqa: S307 - the file's own text
        except NameError as error:
            raise self.fault(name, *self.unknown(annotation, error.name or "")) from None
        except Exception as error:
            wrong = f"the annotation {annotation!r} fails ({type(error).__name__}: {error})"
            raise self.fault(name, wrong, "fix it") from None

    def unknown(self, annotation: str, missing: str) -> tuple[str, str]:
        return (
            f"the annotation {annotation!r} uses {missing!r}, which is not defined in this file",
            f"import {missing} at the top of the file (not under TYPE_CHECKING)",
        )

    def parameter(self, name: str, annotation: Any, default: Any, keyword: bool) -> Parameter:
        if annotation is REQUIRED:
            raise self.fault(name, "it has no type", _NEEDS)
        injectable = injectable_of(annotation)
        if injectable is not None:
            if default is not REQUIRED:
                raise self.fault(name, "the platform provides it", "remove its default")
            return Parameter(name, injectable.kind, name, annotation, keyword=keyword)
        inside = injectable_inside(annotation)
        if inside:
            # Read from the body, it would let a caller choose its own identity.
            wrong = f"the platform provides {inside} itself, not inside another type"
            raise self.fault(name, wrong, f"write `{name}: {inside}`")
        kind, alias, kept = self.source(name, annotation)
        form = shape(kept)
        if kind == "query" and form == "body":
            return self.body(name, kept, default, keyword)
        if form is None or form == "body":
            raise self.unbindable(name, kept)
        inner, optional = without_none(kept)
        if optional and default is REQUIRED:
            default = None
        if kind == "path" and (default is not REQUIRED or form == "many"):
            wrong = "a path parameter is always there, once"
            raise self.fault(name, wrong, "give it a plain type and no default")
        if kind == "cookie" and form == "many":
            raise self.fault(name, "a cookie has one value", "give it a plain type")
        return Parameter(name, kind, alias, inner, form == "many", default, keyword)

    def source(self, name: str, annotation: Any) -> tuple[str, str, Any]:
        """Return where a parameter is read, by which name, and its type without the marker."""
        if get_origin(annotation) is not Annotated:
            return ("path" if name in self.in_path else "query"), name, annotation
        inner, *notes = get_args(annotation)
        kind, alias, rest = "query", name, []
        for note in notes:
            marker = note() if note in (Header, Cookie) else note
            if not isinstance(marker, Header | Cookie):
                rest.append(note)
                continue
            before, kind = kind, "header" if isinstance(marker, Header) else "cookie"
            if before != "query":
                raise self.fault(name, f"it is a {before} and a {kind}", "choose one")
            alias = marker.name or (name.replace("_", "-") if kind == "header" else name)
            if not is_token(alias):
                fix = "name it with ASCII letters, digits, - and _"
                raise self.fault(name, f"{alias!r} cannot be a {kind}'s name", fix)
            if kind == "header":
                alias = alias.lower()
        if name in self.in_path:
            if kind != "query":
                raise self.fault(name, f"it is in the path and a {kind}", "choose one")
            kind = "path"
        kept = Annotated[(inner, *rest)] if rest else inner
        return kind, alias, kept

    def body(self, name: str, annotation: Any, default: Any, keyword: bool) -> Parameter:
        if self.description.method not in _BODIED:
            raise self.fault(
                name,
                f"{self.description.method} has no body to read {shown(annotation)} from",
                "answer POST, PUT, PATCH or DELETE, or take plain types from the query",
            )
        if default is REQUIRED and without_none(annotation)[1]:
            default = None
        return Parameter(name, "body", name, annotation, default=default, keyword=keyword)

    def unbindable(self, name: str, annotation: Any) -> BindError:
        if name in self.in_path:
            wrong = f"{shown(annotation)} cannot be read from one path segment"
            return self.fault(name, wrong, "give it a plain type, like str or int")
        return self.fault(
            name,
            f"{shown(annotation)} cannot be bound",
            "use a msgspec.Struct or dataclass for the body; int, float, bool, str, date, "
            "datetime, time, timedelta, UUID, Decimal, Enum, Literal or list of one for the rest",
        )

    def check(self, parameters: tuple[Parameter, ...]) -> None:
        bodies = [parameter.name for parameter in parameters if parameter.kind == "body"]
        if len(bodies) > 1:
            fix = f"make one Struct that holds {' and '.join(bodies)}"
            raise self.fault(bodies[1], f"the body is {bodies[0]!r} already", fix)
        transactions = [parameter.name for parameter in parameters if parameter.kind == "tx"]
        if len(transactions) > 1:
            wrong = f"{transactions[0]!r} is the call's transaction already"
            raise self.fault(transactions[1], wrong, "keep one of them")
        names = {parameter.name for parameter in parameters}
        for name in self.in_path:
            if name not in names:
                wrong = f"the path has {{{name}}} and the function no such parameter"
                raise self.fault(name, wrong, f"add `{name}: str`, or mend the path")
        for parameter in parameters:
            if parameter.name in self.in_path and parameter.kind != "path":
                wrong = f"the path has {{{parameter.name}}} and the platform gives this parameter"
                raise self.fault(parameter.name, wrong, "name one of them otherwise")


def shown(annotation: Any) -> str:
    """Return a type as its author would write it."""
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def read_signature(handler: Callable[..., Any], description: Http, place: str) -> Signature:
    """Return what `handler` takes. Raises BindError with place, parameter and fix."""
    return _Reader(handler, description, place).read()
