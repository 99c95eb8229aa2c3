"""The route table: find the route for a method and path, independent of the number of routes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from neurova.http.call import Call
from neurova.http.problem import problem
from neurova.http.reply import Reply

from .path import canonicalize

Target = TypeVar("Target")
NO_PARAMS: dict[str, str] = {}
REST = "{*}"


Leaf = dict[str, tuple[Target, tuple[str, ...]]]  # method to (target, parameter names)


class Match(NamedTuple, Generic[Target]):
    """The result of a look-up; without a target, `allowed` has the methods of the path's routes."""

    target: Target | None
    params: dict[str, str]
    allowed: tuple[str, ...] = ()


class _Node(Generic[Target]):
    """A node in the tree of path segments; empty attributes are None to save memory."""

    __slots__ = ("leaf", "literal", "parameter", "rest")

    def __init__(self) -> None:
        self.rest: Leaf[Target] | None = None  # `/{*}`: this path and all below it
        self.literal: dict[str, _Node[Target]] | None = None
        self.parameter: _Node[Target] | None = None
        self.leaf: Leaf[Target] | None = None

    def child(self, segment: str) -> _Node[Target]:
        """Return the child for a template segment; create it if it is missing."""
        if segment.startswith("{"):
            if self.parameter is None:
                self.parameter = _Node()
            return self.parameter
        if self.literal is None:
            self.literal = {}
        node = self.literal.get(segment)
        if node is None:
            node = self.literal[segment] = _Node()
        return node


class RouteTable(Generic[Target]):
    """Find the target of a method and path; literal segments win over `{parameters}`.

    A template that ends in `/{*}` matches its prefix and all paths below it that no other template
    matches; the longest prefix wins. Templates without parameters are in a dict, the others in a
    tree of segments. The table is immutable.
    """

    def __init__(self, routes: Iterable[tuple[str, str, Target]]) -> None:
        self._exact: dict[bytes, dict[str, Match[Target]]] = {}
        self._root: _Node[Target] = _Node()
        for method, template, target in routes:
            if "{" in template:
                self._add(method, template, target)
            else:
                found = self._exact.setdefault(template.encode(), {})
                found[method] = Match(target, NO_PARAMS)

    def find(self, method: str, raw_path: bytes) -> Match[Target]:
        """Return the match of a raw path. Raises BadPath if the path has no canonical form."""
        exact = self._exact.get(raw_path)
        if exact is not None:
            found = exact.get(method)
            if found is not None:
                return found
        path = canonicalize(raw_path)
        exact = self._exact.get(path.encode(), {})
        if method in exact:
            return exact[method]
        allowed = set(exact)
        segments = path.split("/")[1:]
        match = self._walk(self._root, segments, 0, method, (), allowed)
        if match is None:
            rest = self._find_rest(segments, method, allowed)
            return Match(rest, NO_PARAMS, () if rest is not None else tuple(sorted(allowed)))
        (target, names), values = match
        return Match(target, dict(zip(names, values, strict=True)))

    def _walk(
        self,
        node: _Node[Target],
        segments: list[str],
        depth: int,
        method: str,
        values: tuple[str, ...],
        allowed: set[str],
    ) -> tuple[tuple[Target, tuple[str, ...]], tuple[str, ...]] | None:
        if depth == len(segments):
            leaf = node.leaf or {}
            allowed.update(leaf)
            return (leaf[method], values) if method in leaf else None
        segment = segments[depth]
        literal = node.literal.get(segment) if node.literal is not None else None
        if literal is not None:
            found = self._walk(literal, segments, depth + 1, method, values, allowed)
            if found is not None:
                return found
        if node.parameter is not None and segment:
            values = (*values, segment)
            return self._walk(node.parameter, segments, depth + 1, method, values, allowed)
        return None

    def _find_rest(self, segments: list[str], method: str, allowed: set[str]) -> Target | None:
        """Return the target of the longest matching `/{*}` template."""
        found: Target | None = None
        node: _Node[Target] | None = self._root
        for segment in [*segments, ""]:
            if node is None:
                break
            if node.rest is not None:
                allowed.update(node.rest)
                found = node.rest[method][0] if method in node.rest else found
            node = node.literal.get(segment) if node.literal is not None else None
        return found

    def _add(self, method: str, template: str, target: Target) -> None:
        node, names = self._root, []
        for segment in template.split("/")[1:]:
            if segment == REST:
                node.rest = {**(node.rest or {}), method: (target, ())}
                return
            if segment.startswith("{"):
                names.append(segment[1:-1])
            node = node.child(segment)
        if node.leaf is None:
            node.leaf = {}
        node.leaf[method] = (target, tuple(names))


def no_route_reply(call: Call, allowed: Sequence[str]) -> Reply:
    """Return a 404 reply, or a 405 reply with the methods that the path allows."""
    if not allowed:
        return problem(call, 404, "No route matches this path")
    methods = ", ".join(allowed)
    return problem(call, 405, f"Method not allowed, use {methods}", headers={"Allow": methods})
