"""The command group: commands by name from the table, errors as one message, exit codes."""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

import click

from . import COMMANDS, interrupted
from .output import JSON

EXIT_CODES = {"ConfigError": 3, "LoadError": 4, "BindError": 4, "StateError": 5, "Unavailable": 5}
"""Error -> exit code; any other NeurovaError is 1. docs/cli.md explains them."""


class Root(click.Group):
    """Find commands in the table and import each when it is asked for."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the words; a mistake in them is told as JSON when `--json` is among them."""
        options = args[: args.index("--")] if "--" in args else args
        as_json = "--json" in options
        try:
            ctx = super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            if not as_json:
                raise
            raise _told(error.format_message(), "UsageError", error.exit_code) from None
        # Until the command has read its words, and knows.
        ctx.meta[JSON] = as_json
        return ctx

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(f"{__package__}.commands.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; name the nearest when it is unknown."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f"did you mean {close[0]}?" if close else "see neurova --help"
            ctx.fail(f"no command {args[0]!r}: {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of ours becomes one message and an exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(interrupted(ctx.invoked_subcommand)) from None
        except BrokenPipeError:
            # The reader has left (`neurova functions | head`): nothing to say to it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(0) from None
        except Exception as error:
            code, as_json = _code(error), ctx.meta[JSON]
            if isinstance(error, click.UsageError) and as_json:
                raise _told(error.format_message(), "UsageError", error.exit_code) from None
            if not code:
                raise
            if as_json:
                raise _told(str(error), type(error).__name__, code) from None
            click.echo(f"neurova: {error}", err=True)
            raise click.exceptions.Exit(code) from None

    def run(self) -> int:
        """Run with the process's arguments and return the exit code."""
        try:
            result = self.main(prog_name="neurova", standalone_mode=False)
            return result if isinstance(result, int) else 0
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except click.Abort:
            return interrupted(None)


def _told(message: str, kind: str, code: int) -> click.exceptions.Exit:
    """Print an error as JSON; return what ends the process with its exit code."""
    click.echo(json.dumps({"error": kind, "message": message}))
    return click.exceptions.Exit(code)


def _code(error: Exception) -> int:
    """Return the exit code of an error of ours, 0 for any other."""
    # Whoever raised one has imported the module: `neurova --help` does not.
    errors = sys.modules.get("neurova.errors")
    if errors is None or not isinstance(error, errors.NeurovaError):
        return 0
    for kind in type(error).__mro__:
        if kind.__name__ in EXIT_CODES:
            return EXIT_CODES[kind.__name__]
    return 1


root = Root(
    name="neurova",
    help="NEUROVA: one small file is a production endpoint.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
