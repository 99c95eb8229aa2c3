"""The command `neurova`; its commands are in commands_table.py."""

from __future__ import annotations

import sys

from .. import MINIMUM_PYTHON


def main() -> int:
    """Run the command line and return its exit code (docs/cli.md)."""
    # This file and exit_codes.py must parse on older Python versions, to show this message.
    if sys.version_info < MINIMUM_PYTHON:
        found = ".".join(str(part) for part in sys.version_info[:3])
        sys.stderr.write(f"neurova needs Python 3.11 or newer, not {found}: install a newer one\n")
        return 1
    from ..crash import mask_tracebacks

    mask_tracebacks()
    if sys.argv[1:2] in (["dev"], ["run"]):
        from ..serving import interrupt

        interrupt.install()
    try:
        from .group import root

        return root.run()
    except KeyboardInterrupt:
        from .exit_codes import interrupt_exit_code

        return interrupt_exit_code(*sys.argv[1:2])
