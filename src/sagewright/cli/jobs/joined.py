"""A program that joins a job, at a terminal of its own or with pipes; never with a file or a terminal of the user's.

The job's processes can open what the program has open, and a terminal would stay theirs after the program's end.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sagewright.sandbox.inhabitants import Inhabitant
from sagewright.sandbox.seccomp import seccomp_filter

_CHUNK = 1 << 16
_DRAIN_S = 0.2
"""For output that is on its way when the program has ended."""


def run_joined(found: Inhabitant, commands: Sequence[Sequence[str]], shown: Sequence[str]) -> int:
    """Runs the first command that exists in the sandbox; returns its exit status. `shown`: names of variables that it gets from
    this process."""
    if os.isatty(0) and os.isatty(1):
        return _at_terminal(found, commands, shown)
    return _with_pipes(found, commands, shown)


def _at_terminal(found: Inhabitant, commands: Sequence[Sequence[str]], shown: Sequence[str]) -> int:
    master, slave = os.openpty()
    _copy_size(master)
    own = {name: os.environ[name] for name in shown if name in os.environ}
    process = _started(found, commands, own, dict.fromkeys(("stdin", "stdout", "stderr"), slave), terminal=True)
    os.close(slave)
    signal.signal(signal.SIGWINCH, lambda _number, _frame: _copy_size(master))
    with _raw():
        threading.Thread(target=_feed, args=(master,), daemon=True).start()
        return _forwarded(process, {master: 1})


def _with_pipes(found: Inhabitant, commands: Sequence[Sequence[str]], shown: Sequence[str]) -> int:
    own = {name: os.environ[name] for name in shown if name in os.environ}
    process = _started(
        found, commands, own, dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE), terminal=False
    )
    assert process.stdin and process.stdout and process.stderr
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda number, _frame: process.send_signal(number))
    threading.Thread(target=_feed, args=(process.stdin.fileno(),), kwargs={"ends": True}, daemon=True).start()
    return _forwarded(process, {process.stdout.fileno(): 1, process.stderr.fileno(): 2})


def _started(
    found: Inhabitant,
    commands: Sequence[Sequence[str]],
    own: dict[str, str],
    streams: dict[str, int],
    *,
    terminal: bool,
) -> subprocess.Popen[bytes]:
    """Starts the program that joins. Its request goes through an unnamed file: no process list shows it."""
    program = seccomp_filter(set_ids=False)
    spec: dict[str, Any] = {
        "pid": found.pid,
        "argv": [list(words) for words in commands],
        "environ": found.environ | own,
        "cwd": found.cwd,
        "terminal": terminal,
        "filter": "" if program is None else program.hex(),
    }
    described = os.memfd_create("sagewright-joining", os.MFD_CLOEXEC)
    os.write(described, json.dumps(spec).encode())
    os.lseek(described, 0, os.SEEK_SET)
    pid = os.pidfd_open(found.pid)
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-m", "sagewright.sandbox.joining", str(pid), str(described)],
            pass_fds=(pid, described),
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            cwd="/",
            start_new_session=True,
            **streams,
        )
    finally:
        os.close(pid)
        os.close(described)


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
    tty.setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSAFLUSH, before)
