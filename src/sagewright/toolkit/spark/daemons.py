"""Spark's processes besides the driver, and the logs of executors."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_GRACE_S = 10.0
_TAIL_BYTES = 2000
_PERIOD_S = 1.0


class Daemon:
    """A master or a worker. Its output goes to a file, the end of which is reported if the process ends unexpectedly."""

    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self.name, self._log = name, log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                list(command), env=dict(environ), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def ended(self) -> bool:
        return self._process.poll() is not None

    def reason(self) -> str:
        """Returns the end of its output."""
        said = self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
        return f"the {self.name} ended with status {self._process.returncode}: {said}"

    def close(self) -> None:
        end(self._process)


def end(process: subprocess.Popen[bytes], grace_s: float = _GRACE_S) -> None:
    """Sends SIGTERM, and SIGKILL after the grace period."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


class ExecutorLogs:
    """Copies the log files of executors below a worker's directory to this process's output."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[Path, int] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._copy()

    def _follow(self) -> None:
        while not self._ended.wait(_PERIOD_S):
            self._copy()

    def _copy(self) -> None:
        for name in ("stdout", "stderr"):
            for log in sorted(self._directory.glob(f"app-*/*/{name}")):
                with log.open("rb") as source:
                    source.seek(self._read.get(log, 0))
                    text = source.read()
                self._read[log] = self._read.get(log, 0) + len(text)
                sys.stdout.buffer.write(text)
                sys.stdout.buffer.flush()
