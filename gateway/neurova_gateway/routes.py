"""The route table: which route a method and a path lead to, at a cost that no route adds to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from .path import canonical

Target = TypeVar("Target")
NO_PARAMS: dict[str, str] = {}


class _Node:
    """A position in the tree of path segments."""

    __slots__ = ("leaf", "literal", "parameter")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.leaf: dict[str, tuple[object, tuple[str, ...]]] = {}


class Match(NamedTuple, Generic[Target]):
    """What was found: the target, or None with the methods the path does answer ("" path: none)."""

    target: Target | None
    params: dict[str, str]
    allowed: tuple[str, ...] = ()


class RouteTable(Generic[Target]):
    """Find the target of a method and a path, literal segments before `{parameters}`.

    Built once from (method, template, target); a change makes a new table.
    """

    def __init__(self, routes: Iterable[tuple[str, str, Target]]) -> None:
        self._exact: dict[bytes, dict[str, Match[Target]]] = {}
        self._root = _Node()
        for method, template, target in routes:
            literal = not self._add(method, template, target)
            if method == "GET":
                self._add("HEAD", template, target, fallback=True)
            if literal:
                # A raw path that equals a literal template is canonical: templates are.
                found = self._exact.setdefault(template.encode(), {})
                found[method] = Match(target, NO_PARAMS)
                if method == "GET":
                    found.setdefault("HEAD", found[method])

    def find(self, method: str, raw_path: bytes) -> Match[Target]:
        """Return the match of a raw path. Raises BadPath for one without a canonical spelling."""
        exact = self._exact.get(raw_path)
        if exact is not None:
            found = exact.get(method)
            if found is not None:
                return found
        segments = canonical(raw_path).split("/")[1:]
        allowed: set[str] = set()
        match = self._walk(self._root, segments, 0, method, (), allowed)
        if match is None:
            return Match(None, NO_PARAMS, tuple(sorted(allowed)))
        (target, names), values = match
        return Match(target, dict(zip(names, values, strict=True)))

    def _walk(
        self,
        node: _Node,
        segments: list[str],
        depth: int,
        method: str,
        values: tuple[str, ...],
        allowed: set[str],
    ) -> tuple[tuple[Target, tuple[str, ...]], tuple[str, ...]] | None:
        if depth == len(segments):
            allowed.update(node.leaf)
            found = node.leaf.get(method)
            return None if found is None else (found, values)  # type: ignore[return-value]  # leaves hold Target
        segment = segments[depth]
        literal = node.literal.get(segment)
        if literal is not None:
            found_below = self._walk(literal, segments, depth + 1, method, values, allowed)
            if found_below is not None:
                return found_below
        if node.parameter is not None and segment:
            values = (*values, segment)
            return self._walk(node.parameter, segments, depth + 1, method, values, allowed)
        return None

    def _add(
        self, method: str, template: str, target: Target, fallback: bool = False
    ) -> tuple[str, ...]:
        node, names = self._root, []
        for segment in template.split("/")[1:]:
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.parameter = node = node.parameter or _Node()
            else:
                node = node.literal.setdefault(segment, _Node())
        if not (fallback and method in node.leaf):
            node.leaf[method] = (target, tuple(names))
        return tuple(names)
