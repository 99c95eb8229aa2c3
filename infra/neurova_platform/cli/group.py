"""The root command: it finds commands in the table and turns errors into messages and codes."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterable
from typing import Any

import click

from .commands_table import COMMANDS
from .exit_codes import exit_code, interrupt_exit_code
from .output import JSON


class Root(click.Group):
    """Find commands in the table and import them on demand."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse the arguments; with `--json` print a usage error as JSON."""
        options = args[: args.index("--")] if "--" in args else args
        as_json = "--json" in options
        try:
            _refuse_secrets(args)
            ctx = super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            if not as_json:
                raise
            raise _print_json_error(error.format_message(), "UsageError", error.exit_code) from None
        ctx.meta[JSON] = as_json  # until the command has parsed its own arguments
        return ctx

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].target.split(":")
        command = getattr(importlib.import_module(f"{__package__}.commands.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for an unknown name, suggest the most similar command."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f"did you mean {close[0]}?" if close else "see neurova --help"
            ctx.fail(f"No command {args[0]!r}: {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a NeurovaError becomes one message and an exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(interrupt_exit_code(ctx.invoked_subcommand)) from None
        except BrokenPipeError:
            # The reader has closed the pipe (`neurova functions | head`): discard the rest, and
            # prevent a second error when the interpreter flushes standard output.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(0) from None
        except Exception as error:
            code, as_json = exit_code(error), ctx.meta[JSON]
            if isinstance(error, click.UsageError) and as_json:
                message = error.format_message()
                raise _print_json_error(message, "UsageError", error.exit_code) from None
            if not code:
                raise
            if as_json:
                raise _print_json_error(str(error), type(error).__name__, code) from None
            click.echo(f"neurova: {error}", err=True)
            raise click.exceptions.Exit(code) from None

    def run(self) -> int:
        """Run with the arguments of the process and return the exit code."""
        try:
            result = self.main(prog_name="neurova", standalone_mode=False)
            return result if isinstance(result, int) else 0
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except click.Abort:
            return interrupt_exit_code()


def _refuse_secrets(args: Iterable[str]) -> None:
    """Raise UsageError if an argument contains an API key, before anything stores or shows it."""
    if any("nrv" in arg.lower() or "nva" in arg or "%" in arg for arg in args):
        from neurova.telemetry.redact import holds_secret  # `neurova --help` starts faster

        if any(map(holds_secret, args)):
            raise click.UsageError(
                "An argument is a key itself, and other users of the machine can read arguments: "
                "give its id (neurova keys list), or put it into a file or NEUROVA_KEY"
            )


def _print_json_error(message: str, kind: str, code: int) -> click.exceptions.Exit:
    """Print an error as JSON; return the exception that ends the process with `code`."""
    click.echo(json.dumps({"error": kind, "message": message}))
    return click.exceptions.Exit(code)


root = Root(
    name="neurova",
    help="NEUROVA: serve Python functions as HTTP endpoints.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
