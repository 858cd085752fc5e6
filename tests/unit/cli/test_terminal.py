"""Texts of users on a terminal: their control characters do nothing."""

from __future__ import annotations

import io
import sys

import pytest
import typer
from rich.table import Table

from sagewright.cli.options import FAILURE, fail
from sagewright.cli.output import write
from sagewright.cli.terminal import TerminalConsole

HOSTILE = "a\x1b]0;title\x07b\x9b2J\rc\x7f"
CLEAN = "a\ufffd]0;title\ufffdb\ufffd2J\ufffdc\ufffd"


def test_the_console_replaces_control_characters_in_all_that_it_renders() -> None:
    file = io.StringIO()
    console = TerminalConsole(file=file, force_terminal=True, color_system="standard", width=200, highlight=False)
    table = Table("title")
    table.add_row(HOSTILE)
    console.print("[bold]own[/bold]", table)
    console.print(HOSTILE, markup=False, soft_wrap=True)
    printed = file.getvalue()
    assert "\x1b[1m" in printed, "rich's own codes stay"
    assert not any(code in printed for code in ("\x1b]", "\x07", "\x9b", "\r", "\x7f"))
    assert printed.count("]0;title") == 2


def test_errors_and_lines_are_plain(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        fail(f"{HOSTILE}\nsecond", FAILURE)
    assert ended.value.exit_code == FAILURE
    write(f"{HOSTILE}\nforged")
    sys.stdout.flush()
    printed = capsys.readouterr()
    assert printed.err == f"sagewright: {CLEAN}\nsecond\n"
    assert printed.out == f"{CLEAN}\ufffdforged\n"
