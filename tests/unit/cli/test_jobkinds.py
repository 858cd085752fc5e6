"""Tables of jobs."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from sagewright.cli import jobkinds
from sagewright.cli.commands.jobs import TRAINING

NAME = "sagemaker-scikit-learn-" + "0123456789" * 4


class OneJob:
    def get_paginator(self, _operation: str) -> OneJob:
        return self

    def paginate(self, **_requested: Any) -> list[dict[str, Any]]:
        now = datetime.now(UTC)
        summary = {
            "TrainingJobName": NAME,
            "TrainingJobStatus": "Completed",
            "CreationTime": now,
            "TrainingEndTime": now,
        }
        return [{"TrainingJobSummaries": [summary]}]


def test_a_narrow_terminal_cuts_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(jobkinds, "console", Console(file=screen, width=50))
    monkeypatch.setattr(jobkinds, "client", lambda _settings, _service: OneJob())
    app = typer.Typer()
    jobkinds.add_commands(app, TRAINING)
    assert CliRunner().invoke(app, ["list"]).exit_code == 0
    words = "".join(line.split()[0] for line in screen.getvalue().splitlines()[1:])
    assert words == NAME, screen.getvalue()
