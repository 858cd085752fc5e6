"""Runs of examples: states, last lines and limits."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from sagewright.cli.examples.catalogue import Example, examples, programs
from sagewright.cli.examples.runs import State, environ_of, run, verdict_of

LINE = "AUC of it 0.9172, at least 0.9, 5.8 s, http://127.0.0.1:4700/studio/jobs/a-b"


def program(place: Path, text: str) -> Example:
    path = place / "program.py"
    path.write_text(text)
    return replace(examples("v2")[0], path=path)


def ran(place: Path, text: str, timeout_s: float = 60) -> object:
    environ = {**environ_of(os.environ), "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    return run(program(place, text), Path(sys.executable), environ, place / "log", timeout_s)


def test_the_last_line_is_read() -> None:
    found = verdict_of(LINE)
    assert found is not None
    assert (found.measure, found.value, found.bound, found.limit) == ("AUC of it", 0.9172, "at least", 0.9)
    assert found.link.endswith("/studio/jobs/a-b")
    assert verdict_of("AUC of it 0.9172") is None
    assert verdict_of("a, b 1e-07, below 2.5e-06, 1.0 s, https://x/y") is not None


@pytest.mark.parametrize(
    ("bound", "kept"), [("at_least=2", True), ("at_most=1", False), ("above=2", False), ("below=2.5", True)]
)
def test_results_are_checked(tmp_path: Path, bound: str, kept: bool) -> None:
    done = ran(tmp_path, f"import result\nresult.check('a number', 2, page='jobs/x', {bound})")
    assert done.state is (State.OK if kept else State.FAILED)
    if kept:
        assert done.verdict.value == 2
        assert done.document()["link"] == "http://127.0.0.1:1/studio/jobs/x"
    else:
        assert "a number is 2, which is not" in done.lines[-1]


def test_a_skipped_one_says_why(tmp_path: Path) -> None:
    done = ran(tmp_path, "import sys\nprint('podman is not installed')\nsys.exit(77)")
    assert (done.state, done.lines) == (State.SKIPPED, ("podman is not installed",))


def test_an_end_without_a_result_is_a_failure(tmp_path: Path) -> None:
    assert ran(tmp_path, "print('done')").state is State.FAILED


def test_lines_are_bounded_and_printable(tmp_path: Path) -> None:
    done = ran(
        tmp_path, "print('\\x1b[2J' + 'x' * 100_000)\nfor n in range(1000): print('line', n)\nraise SystemExit(3)"
    )
    assert len(done.lines) == 12
    assert done.lines[-1] == "line 999"
    done = ran(tmp_path, "print('\\x1b[2J' + 'x' * 5000)\nraise SystemExit(3)")
    assert done.lines[-1].startswith("[2Jxxx")
    assert len(done.lines[-1]) <= 300


def test_what_takes_too_long_ends_with_all_that_it_started(tmp_path: Path) -> None:
    text = "import subprocess, time\nchild = subprocess.Popen(['sleep', '300'])\nprint(child.pid, flush=True)\ntime.sleep(300)"
    done = ran(tmp_path, text, timeout_s=8)
    assert done.state is State.FAILED
    assert "did not end within 8 s" in done.lines[-1]
    child, deadline = int(done.lines[0]), time.monotonic() + 20
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_programs_can_import_their_data() -> None:
    assert environ_of({"PYTHONPATH": "/hook"})["PYTHONPATH"] == f"{programs()}{os.pathsep}/hook"
