"""One run of a solution: its program in a separate process, whose lines are shown as they arrive."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from sagewright.cli.solutions.templates import SolutionFiles

LINE_CHARACTERS = 2000
GRACE_S = 20
_NOISE = re.compile(r"sagemaker\.config INFO ")
"""Lines of the SDK that say where it has found no settings."""


def run_solution(
    solution: SolutionFiles, python: Path, environ: Mapping[str, str], timeout_s: float, say: Callable[[str], None]
) -> bool:
    """Runs a solution's program to its end, and returns whether it ended well.

    After `timeout_s`, and when the caller is interrupted or `say` fails, the program stops its execution and ends, or
    is killed after GRACE_S.
    """
    with _interruptible():
        process = subprocess.Popen(
            [str(python), "-W", "ignore", str(solution.program)],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    late = threading.Event()

    def stop_late() -> None:
        late.set()
        _signal(process, signal.SIGINT)
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)

    timer = threading.Timer(timeout_s, stop_late)
    timer.start()
    try:
        _show(process, say)
        status = process.wait()
    except BaseException:  # interrupted, or nobody reads its lines any more
        _signal(process, signal.SIGINT)
        raise
    finally:
        timer.cancel()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
        _signal(process, signal.SIGKILL)
        process.wait()
    if late.is_set():
        say(f"It did not end within {timeout_s:g} s; its execution is stopped.")
    return status == 0 and not late.is_set()


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Lets a program that is started now receive Ctrl-C: shells start background commands with it ignored, which is inherited."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _show(process: subprocess.Popen[bytes], say: Callable[[str], None]) -> None:
    assert process.stdout is not None
    with process.stdout as stream:
        while line := stream.readline(LINE_CHARACTERS):
            text = "".join(sign for sign in line.decode(errors="replace").rstrip() if sign.isprintable())
            if not _NOISE.match(text):
                say(text)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
