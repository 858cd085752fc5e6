"""A process's limit on its own memory, each in a separate process."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

HOLD = "from sagewright.model import process_memory as m; import os, resource, subprocess, sys, time; m.hold(300, m.give_up)\n"


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HOLD + program], capture_output=True, text=True, timeout=60, check=False
    )


def test_what_would_go_beyond_it_fails_and_the_process_goes_on() -> None:
    done = run(
        "try:\n  bytearray(400 << 20)\nexcept MemoryError:\n  print('refused')\nprint(len(bytearray(100 << 20)), m.is_spent())"
    )
    assert done.stdout.split() == ["refused", str(100 << 20), "False"], done.stderr


def test_a_process_that_stays_near_it_is_asked_to_end() -> None:
    done = run("kept = bytearray(270 << 20)\ntime.sleep(30)")
    assert done.returncode == -signal.SIGTERM
    assert "memory stays near the limit of 300 MiB" in done.stderr


def test_one_that_does_not_end_is_ended() -> None:
    done = run(
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); m.END_S = 0.1; kept = bytearray(270 << 20); time.sleep(30)"
    )
    assert done.returncode == 75


def test_a_child_that_lives_on_has_no_limit_of_its_parents() -> None:
    shown = "import resource; input(); print(resource.getrlimit(resource.RLIMIT_DATA)[0])"
    done = run(
        f"child = subprocess.Popen([sys.executable, '-c', {shown!r}], stdin=subprocess.PIPE)\n"
        "m.free(child.pid); child.communicate(b'x\\n'); print(resource.getrlimit(resource.RLIMIT_DATA)[0])"
    )
    assert done.stdout.split() == ["-1", str(300 << 20)], done.stderr


@pytest.mark.parametrize(("share", "least_mb"), [(8, 1), (10_000_000, 2048)])
def test_the_default_is_a_share_of_the_machine(share: int, least_mb: int) -> None:
    from sagewright.model.process_memory import default_mb

    assert default_mb(share, least_mb) >= least_mb
