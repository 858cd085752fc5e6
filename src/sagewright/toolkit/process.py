"""Runs the script: its output goes on as it comes, its end is remembered, signals reach it."""

from __future__ import annotations

import os
import signal
import subprocess

_TAIL_BYTES = 64 * 1024


def run(command: list[str], cwd: str, environ: dict[str, str]) -> tuple[int, bytes]:
    """Exit code (128 + n after signal n) and the end of what the command wrote.

    Standard output and error share one pipe, which keeps their order. Raises OSError if it cannot be started.
    """
    process = subprocess.Popen(command, cwd=cwd, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: _forward(process, received))
    assert process.stdout is not None
    tail = bytearray()
    source = process.stdout.fileno()
    while True:
        chunk = os.read(source, 1 << 16)
        if not chunk:
            break
        _write(chunk)
        tail += chunk
        if len(tail) > 2 * _TAIL_BYTES:
            del tail[:-_TAIL_BYTES]
    code = process.wait()
    process.stdout.close()
    return (128 - code if code < 0 else code), bytes(tail[-_TAIL_BYTES:])


def _forward(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        process.send_signal(number)


def _write(chunk: bytes) -> None:
    while chunk:
        chunk = chunk[os.write(1, chunk) :]
