"""A program that joins a job, with a separate terminal or with pipes, but never with a file or terminal of the user.

The job's processes can open what the program has open, and a terminal would stay theirs after the program's end.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import subprocess
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from sagewright.sandbox.inhabitants import Inhabitant, JoiningProgram, start_joining

_CHUNK = 1 << 16
_DRAIN_S = 0.2
"""For output that is on its way when the program has ended."""


def run_joined(found: Inhabitant, program: JoiningProgram) -> int:
    """Runs the program, at a terminal if this command has one; returns its exit status. Raises OSError."""
    return _at_terminal(found, program) if os.isatty(0) and os.isatty(1) else _with_pipes(found, program)


def _at_terminal(found: Inhabitant, program: JoiningProgram) -> int:
    master, slave = os.openpty()
    _copy_size(master)
    process = start_joining(found, replace(program, terminal=True), slave, slave, slave)
    os.close(slave)
    signal.signal(signal.SIGWINCH, lambda _number, _frame: _copy_size(master))
    with _raw():
        threading.Thread(target=_feed, args=(master,), daemon=True).start()
        return _forwarded(process, {master: 1})


def _with_pipes(found: Inhabitant, program: JoiningProgram) -> int:
    process = start_joining(found, program, subprocess.PIPE, subprocess.PIPE, subprocess.PIPE)
    assert process.stdin and process.stdout and process.stderr
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda number, _frame: process.send_signal(number))
    threading.Thread(target=_feed, args=(process.stdin.fileno(),), kwargs={"ends": True}, daemon=True).start()
    return _forwarded(process, {process.stdout.fileno(): 1, process.stderr.fileno(): 2})


def _feed(target: int, *, ends: bool = False) -> None:
    """Copies the standard input; at its end closes `target` if it `ends` there, and otherwise says so as a terminal does."""
    with suppress(OSError):
        while chunk := os.read(0, _CHUNK):
            while chunk:
                chunk = chunk[os.write(target, chunk) :]
        if ends:
            os.close(target)


def _forwarded(process: subprocess.Popen[bytes], sources: dict[int, int]) -> int:
    """Copies each source to its target until the program has ended; returns its exit status."""
    ended = os.pidfd_open(process.pid)
    with selectors.DefaultSelector() as selector:
        for source in (*sources, ended):
            selector.register(source, selectors.EVENT_READ)
        left, running = set(sources), True
        while left:
            ready = [key.fd for key, _events in selector.select(None if running else _DRAIN_S)]
            if not ready:
                break
            if ended in ready:
                selector.unregister(ended)
                running = False
            for source in left.intersection(ready):
                if not _copied(source, sources[source]):
                    selector.unregister(source)
                    left.discard(source)
    os.close(ended)
    code = process.wait()
    return 128 - code if code < 0 else code


def _copied(source: int, target: int) -> bool:
    """Copies a part; returns False at the end. A terminal whose program has ended raises an error instead."""
    try:
        chunk = os.read(source, _CHUNK)
    except OSError:
        return False
    left = chunk
    while left:
        left = left[os.write(target, left) :]
    return bool(chunk)


def _copy_size(master: int) -> None:
    """Gives the terminal of the program the size of the user's."""
    with suppress(OSError):
        size = fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(master, termios.TIOCSWINSZ, size)


@contextmanager
def _raw() -> Iterator[None]:
    """Passes every key on, and restores the user's terminal."""
    before = termios.tcgetattr(0)
    tty.setraw(0, termios.TCSADRAIN)  # keeps what was typed before
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
