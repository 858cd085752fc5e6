"""The end of a process: what is in its pipe is kept, and the agent does not wait for processes that only hold it open."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

HOLD = """
import os, sys, time
from pathlib import Path
from sagewright.agent.control import Control
from sagewright.agent.process.process import ProcessLimits, attend_process, start_process
from sagewright.sandbox.base import Command

class Log:
    def ready(self): return True
    def lines(self, texts): print(*texts, sep="\\n", flush=True)

words = ["sh", "-c", sys.argv[1]]
started = start_process(Command(words, dict(os.environ), Path("/")))
print("pid", started.process.pid, flush=True)
sys.stdin.readline()
begun, used = time.monotonic(), time.process_time()
ended = attend_process(started, Control(), ProcessLimits(5, time.monotonic() + 60), Log())
print("ended", ended.code, time.monotonic() - begun, time.process_time() - used, flush=True)
"""


def attended(shell: str, hold: bool) -> tuple[list[str], list[str]]:
    """The lines of a shell that an agent attends, and what it says of the end: the exit code, seconds, and seconds of CPU. `hold`:
    another process, which is not its child, keeps the pipe open."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, shell], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as agent:
        assert agent.stdout is not None
        assert agent.stdin is not None
        pid = agent.stdout.readline().split()[1]
        held = os.open(f"/proc/{pid}/fd/1", os.O_WRONLY) if hold else -1
        agent.stdin.write("\n")
        agent.stdin.flush()
        lines = agent.stdout.read().splitlines()
        if hold:
            os.close(held)
    return lines[:-1], lines[-1].split()[1:]


@pytest.mark.parametrize("hold", [False, True])
def test_the_end_does_not_wait_for_who_holds_the_pipe(hold: bool) -> None:
    begun = time.monotonic()
    lines, (code, seconds, _cpu) = attended("sleep 0.5; echo last; exit 3", hold)
    assert (lines, code) == (["last"], "3")
    assert float(seconds) < 4, "it waits for the end of a pipe that nobody writes to"
    assert time.monotonic() - begun < 30


def test_all_that_is_in_the_pipe_is_kept() -> None:
    """More than one chunk, and a last line without an end; a child that is left ends with its parent."""
    lines, (code, _seconds, _cpu) = attended("sleep 0.3; sleep 60 & seq 1 20000; printf end", hold=True)
    assert code == "0"
    assert lines == [*map(str, range(1, 20_001)), "end"]


def test_waiting_for_the_end_takes_no_processor() -> None:
    _lines, (_code, _seconds, cpu) = attended("sleep 1.5", hold=False)
    assert float(cpu) < 0.7
