"""Imports that a function file may not make: of other services, or of its own by full name."""

from __future__ import annotations

import dis
import opcode
from collections.abc import Iterator
from types import CodeType

_IMPORT = opcode.opmap["IMPORT_NAME"]
_LOADS = bytes([opcode.opmap["LOAD_CONST"]] * 2)  # of the level and of the names
_OTHER = "services never import each other: call its route, or move the type to a package of both"
_SELF = "write `from .{}`, so that a reload takes all of the service along"


def foreign(code: CodeType, service: str) -> tuple[int, str, str] | None:
    """Return line, name and fix of the first import out of `service`, None without one."""
    for part in _codes(code):
        # To disassemble each file would be dear: most are seen to be fine without.
        if not _suspect(part):
            continue
        for line, level, name in _imports(part):
            if level > 1:
                return line, f"{'.' * level}{name}", _OTHER
            head, _, inner = name.partition(".")
            if level == 0 and head == "functions":
                other, _, rest = inner.partition(".")
                return line, name, _SELF.format(rest) if other == service else _OTHER
    return None


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _codes(constant)


def _suspect(code: CodeType) -> bool:
    """Tell whether `code` may import from "functions" or from above its own package."""
    raw = code.co_code
    operations = raw[::2]
    at = operations.find(_IMPORT)
    while at >= 0:
        if operations[at - 2 : at] != _LOADS or code.co_consts[raw[2 * at - 3]] not in (0, 1):
            return True
        if code.co_names[raw[2 * at + 1]].startswith("functions"):
            return True
        at = operations.find(_IMPORT, at + 1)
    return False


def _imports(code: CodeType) -> Iterator[tuple[int, int, str]]:
    line = code.co_firstlineno
    loaded: list[object] = []
    for instruction in dis.get_instructions(code):
        if instruction.starts_line:
            line = int(instruction.starts_line)
        if instruction.opname == "IMPORT_NAME":
            level = loaded[0] if len(loaded) > 1 else 0
            yield line, level if isinstance(level, int) else 0, str(instruction.argval)
        if instruction.opname.startswith("LOAD_"):
            loaded = [*loaded[-1:], instruction.argval]
