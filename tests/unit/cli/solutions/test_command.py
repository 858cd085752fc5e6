"""`sagewright solutions`, as far as it needs no server."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from sagewright.cli.main import app


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["solutions", *words])
    return done.exit_code, done.output


def test_list_and_show() -> None:
    status, text = run("list")
    assert status == 0
    assert len(text.splitlines()) == 7
    status, text = run("show", "credit")
    assert status == 0
    assert "ClarifyCheckStep" in text
    assert text.index("README.md") < text.index("solution.py")


def test_wrong_requests_are_answered_in_a_line(tmp_path: Path) -> None:
    for words, said in (
        (("run", "chur"), "Did you mean churn?"),
        (("show", "x"), "There are churn"),
        (("run", "churn", "--data", str(tmp_path)), "or add --start"),
        (("remove", "churn", "--data", str(tmp_path)), "Start one: sagewright up"),
    ):
        status, text = run(*words)
        assert status == 2
        assert said in text
