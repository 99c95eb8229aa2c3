"""Find and replace the references between the files of a page, without I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from posixpath import dirname, join, normpath
from typing import NamedTuple

# The only group of each pattern is the reference.
_CSS = (r"""url\(\s*["']?([^"')\s]+)["']?\s*\)""", r"""@import\s+["']([^"']+)["']""")
_JS = (
    r"""\b(?:from|import)\s*\(?\s*["']([./][^"'\s]*)["']""",
    r"""\bnew\s+URL\(\s*["']([^"'\s]+)["']\s*,\s*import\.meta\.url""",
)
_HTML = (r"""\s(?:href|src)\s*=\s*["']([^"']*)["']""",)
_PATTERNS = {
    kind: re.compile("|".join(patterns), re.IGNORECASE if kind == "html" else 0)
    for kind, patterns in {"css": _CSS, "js": _JS, "html": _HTML}.items()
}
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//|#|\?|$", re.IGNORECASE)


class Reference(NamedTuple):
    """A reference in a text: where it is, and the path of the file that it names."""

    start: int
    end: int
    target: str
    line: int


def find_references(path: str, text: str) -> Iterator[Reference]:
    """Yield the references of a file to other files of the page, in order.

    Includes absolute paths like `/js/app.js`, but not URLs with a scheme or host, fragments, or the
    root itself.
    """
    pattern = _PATTERNS.get(path.rpartition(".")[2])
    for found in pattern.finditer(text) if pattern else ():
        start, end = found.span(found.lastindex or 0)
        name = re.split(r"[?#]", text[start:end])[0]
        if _ELSEWHERE.match(name) or name == "/":
            continue
        target = normpath(join("/", dirname(path), name)).lstrip("/")
        line = text.count("\n", 0, start) + 1
        yield Reference(start, start + len(name), target, line)


def replace_names(path: str, text: str, name_of: Callable[[Reference], str]) -> str:
    """Replace the last segment of each reference in a text by the result of `name_of`.

    The rest of the reference stays unchanged, so relative references stay relative.
    """
    parts, position = [], 0
    for each in find_references(path, text):
        name_start = text.rfind("/", each.start, each.end) + 1 or each.start
        parts += [text[position:name_start], name_of(each)]
        position = each.end
    return "".join([*parts, text[position:]])
