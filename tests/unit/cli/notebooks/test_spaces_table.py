"""The list of spaces in the terminal."""

from __future__ import annotations

import io

from rich.console import Console

from sagewright.cli.notebooks.command import spaces_table
from sagewright.cli.notebooks.spaces import ListedSpace


def test_reasons_are_shown_as_they_are() -> None:
    shown = Console(file=io.StringIO(), width=120)
    reason = "exit code 1: ls: cannot access [/opt/x] [red]"
    shown.print(spaces_table([ListedSpace("mine", "Failed", reason, ""), ListedSpace("other", "", "", "anna")]))
    assert isinstance(shown.file, io.StringIO)
    lines = shown.file.getvalue().splitlines()
    assert reason in lines[1]
    assert lines[2].split() == ["other", "anna", "Stopped"]
