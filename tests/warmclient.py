"""A process that has imported an SDK, of which programs are forks: see warm.py."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import uuid
from pathlib import Path

WARM = Path(__file__).with_name("warm.py")


class WarmClient:
    """Started by `command`, which is to run a Python with the SDK; its files are in `place`."""

    def __init__(self, command: list[str], modules: tuple[str, ...], place: Path) -> None:
        self._place = place
        self._log = place / f"warm-{uuid.uuid4().hex}.log"
        argv = [*command, "-W", "ignore", str(WARM), *modules]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )

    @property
    def usable(self) -> bool:
        return self._process.poll() is None

    def run(self, program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The program in its own folder, as `python program arguments` runs it."""
        assert self._process.stdin
        assert self._process.stdout
        out, err = (self._place / f"{uuid.uuid4().hex}.{name}" for name in ("out", "err"))
        asked = {"argv": [program.name, *arguments], "cwd": str(program.parent), "stdout": str(out), "stderr": str(err)}
        try:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BaseException:  # the test's time is over: the answer would be taken for that of the next program
            os.killpg(self._process.pid, signal.SIGKILL)
            self.end()
            raise
        assert answer, self._log.read_text()
        return subprocess.CompletedProcess(asked["argv"], int(answer), out.read_text(), err.read_text())

    def end(self) -> None:
        self._process.communicate()
