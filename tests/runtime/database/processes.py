"""Python processes that use a test's database."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start Python with indented code and arguments; its stdin and stdout are pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
