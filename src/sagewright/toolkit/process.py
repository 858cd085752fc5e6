"""Runs the script: streams its output, records its end, and forwards signals."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

from sagewright.toolkit.ahead.twin import Twin, take

_TAIL_BYTES = 64 * 1024


def run(command: list[str], cwd: str, environ: dict[str, str]) -> tuple[int, bytes]:
    """Returns the exit code (128 + n after signal n) and the end of the command's output.

    Standard output and error share one pipe, which preserves their order. Raises OSError if it cannot be started.
    """
    process, source = _started(command, cwd, environ)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: _forward(process, received))
    tail = bytearray()
    while True:
        chunk = os.read(source, 1 << 16)
        if not chunk:
            break
        _write(chunk)
        tail += chunk
        if len(tail) > 2 * _TAIL_BYTES:
            del tail[:-_TAIL_BYTES]
    code = process.wait()
    os.close(source)
    return (128 - code if code < 0 else code), bytes(tail[-_TAIL_BYTES:])


def _started(command: list[str], cwd: str, environ: dict[str, str]) -> tuple[subprocess.Popen[bytes] | Twin, int]:
    """Returns the process, and the descriptor of its output."""
    ahead = take()
    if ahead is not None:
        with suppress(BrokenPipeError):  # it was killed
            ahead.become(command, cwd, environ)
            return ahead, ahead.output
    process = subprocess.Popen(command, cwd=cwd, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    source = os.dup(process.stdout.fileno())
    process.stdout.close()
    return process, source


def _forward(process: subprocess.Popen[bytes] | Twin, number: int) -> None:
    if process.poll() is None:
        process.send_signal(number)


def _write(chunk: bytes) -> None:
    while chunk:
        chunk = chunk[os.write(1, chunk) :]
