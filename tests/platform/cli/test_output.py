"""Output of commands."""

from __future__ import annotations

import pytest

from neurova_platform.cli import output


def test_pairs_are_aligned_without_trailing_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_pairs([("a", "1"), ("long", "2"), ("", "")])
    assert capsys.readouterr().out == "a     1\nlong  2\n\n"


def test_piped_table_has_no_headings(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("a", "b"), [("1", "2"), ("[x]", "4")])
    assert capsys.readouterr().out == "1\t2\n[x]\t4\n"


def test_json_event_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_line({"event": "call", "path": "a\nb"})
    assert capsys.readouterr().out == '{"event":"call","path":"a\\nb"}\n'


def test_pipe_gets_no_colour() -> None:
    assert not output.has_colour()
