"""Runs of a solution's program: its lines, its end, and its interruption."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sagewright.cli.solutions import running
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


def test_a_run_in_the_background_of_a_shell_can_be_stopped(tmp_path: Path) -> None:
    """There Ctrl-C is ignored, which programs inherit."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        test_what_takes_too_long_may_stop_its_execution_first(tmp_path)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_program_that_does_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "GRACE_S", 1)
    text = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('begun')\ntime.sleep(300)"
    done, lines = ran(tmp_path, text, timeout_s=8)
    assert not done
    assert lines == ["begun", "It did not end within 8 s; its execution is stopped."]


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
