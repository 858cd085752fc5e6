"""The list of spaces."""

from __future__ import annotations

import pytest

from sagewright.cli.notebooks.command import LISTED, document_of
from sagewright.cli.notebooks.spaces import ListedSpace
from sagewright.cli.output import Format, print_rows

REASON = "[bold] is no markup, and a reason is shown [/bold]"


def test_spaces_are_listed_with_their_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    spaces = [ListedSpace("mine", "Failed", REASON, ""), ListedSpace("other", "", "", "anna")]
    print_rows([document_of(one) for one in spaces], LISTED, Format.TABLE)
    shown = capsys.readouterr().out
    for word in ("mine", "shared", "Failed", REASON, "other", "anna", "Stopped"):
        assert word in shown
