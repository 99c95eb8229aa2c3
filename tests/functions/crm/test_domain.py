"""Patterns mean the same in Python and in JSON Schema."""

from __future__ import annotations

import re
import sys
from typing import Any, get_args

import jsonschema_rs
import pytest
from functions.crm.domain import Email, Name, Text


@pytest.mark.parametrize("kind", [Name, Text, Email], ids=["name", "text", "email"])
def test_python_and_json_schema_agree_on_blanks(kind: Any) -> None:
    (meta,) = get_args(kind)[1:]
    python = re.compile(meta.pattern)
    schema = jsonschema_rs.Draft202012Validator({"pattern": meta.pattern})
    differ = [
        hex(point)
        for point in range(sys.maxunicode + 1)
        if not 0xD800 <= point < 0xE000  # JSON cannot contain single surrogates
        for text in (chr(point), f"a{chr(point)}@b.c")
        if schema.is_valid(text) != bool(python.search(text))
    ]
    assert differ == []
