"""Runs of a solution's program: its lines, its end, and its interruption."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sagewright.cli.solutions.running import run_solution
from sagewright.cli.solutions.templates import find_solution


def ran(place: Path, text: str, timeout_s: float = 60) -> tuple[bool, list[str]]:
    (place / "solution.py").write_text(text)
    lines: list[str] = []
    solution = replace(find_solution("churn"), folder=place)
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return run_solution(solution, Path(sys.executable), environ, timeout_s, lines.append), lines


def test_lines_are_shown_without_those_of_settings(tmp_path: Path) -> None:
    text = (
        "print('sagemaker.config INFO - Not applying'); print('\\x1b[2Jone'); import sys; print('two', file=sys.stderr)"
    )
    done, lines = ran(tmp_path, text)
    assert done
    assert lines == ["[2Jone", "two"]


def test_a_failure_is_one(tmp_path: Path) -> None:
    assert ran(tmp_path, "print('why'); raise SystemExit(1)") == (False, ["why"])


def test_what_takes_too_long_may_stop_its_execution_first(tmp_path: Path) -> None:
    text = "import time\nprint('begun')\ntry:\n    time.sleep(300)\nexcept KeyboardInterrupt:\n    print('stopped the execution')"
    done, lines = ran(tmp_path, text, timeout_s=8)
    assert not done
    assert lines == ["begun", "stopped the execution", "It did not end within 8 s; its execution is stopped."]


def test_an_execution_is_stopped_when_nobody_reads_its_lines(tmp_path: Path) -> None:
    text = (
        "import pathlib, time\ntry:\n    print('begun')\n    time.sleep(300)\n"
        f"except KeyboardInterrupt:\n    pathlib.Path({str(tmp_path / 'stopped')!r}).touch()"
    )
    (tmp_path / "solution.py").write_text(text)

    def closed(line: str) -> None:
        raise BrokenPipeError(line)

    solution = replace(find_solution("churn"), folder=tmp_path)
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with pytest.raises(BrokenPipeError):
        run_solution(solution, Path(sys.executable), environ, 60, closed)
    assert (tmp_path / "stopped").exists()
