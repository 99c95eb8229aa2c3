"""Check that a service imports neither other services nor itself by its full name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_OTHER = "call its route, or move the shared type to a package"
_SELF = "write `from .{}`, so that a reload imports it again"
# Parse a file a second time only if it may contain such an import; most files do not.
_SUSPECT = re.compile(rb"\b(?:import|from)\b(?:[^\n#]|\\\n)*\bfunctions\b|from[\s\\]*\.[\s\\]*\.")


class ForeignImport(ImportError):
    """A forbidden import, at `line`."""

    def __init__(self, path: str, line: int, what: str, fix: str) -> None:
        super().__init__(what, path=path)
        self.line = line
        self.fix = fix


def check_imports(source: bytes, path: str, service: str) -> None:
    """Raise ForeignImport for the first forbidden import; `source` must be valid Python."""
    if _SUSPECT.search(source) is None:
        return
    for line, name in sorted(_imports(ast.parse(source))):
        head, _, inner = name.partition(".")
        other, _, rest = inner.partition(".")
        if head == "functions" and other == service:
            what = f"imports {name}, which is its own service"
            raise ForeignImport(path, line, what, _SELF.format(rest))
        if head == "functions" or name.startswith(".."):
            what = f"imports {name}, but services never import each other"
            raise ForeignImport(path, line, what, _OTHER)


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the full name of each imported module, with dots for relative ones."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")
