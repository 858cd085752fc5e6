"""`sagewright jobs shell`: a command or a terminal inside a running job, and the jobs that have none."""

from __future__ import annotations

import fcntl
import itertools
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

SAGEWRIGHT = str(Path(sys.executable).parent / "sagewright")
LIMIT_S = 60
SCRIPT = """
import os, pathlib, time
pathlib.Path("mark").write_text("the job's")
print("begun", flush=True)
while not os.path.exists("/opt/ml/end") and not os.path.exists("end"):
    time.sleep(0.05)
"""


def run(server: RunningServer, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [SAGEWRIGHT, "jobs", "shell", "--data", str(server.data), *words],
        input=stdin, capture_output=True, check=False, timeout=LIMIT_S,
    )  # fmt: skip


def start(server: RunningServer, folder: Path, name: str) -> str:
    """Starts a job whose script waits; returns its name once the script runs."""
    (folder / "waits.py").write_text(SCRIPT)
    words = [SAGEWRIGHT, "run", "waits.py", "--server", str(server.data), "--no-wait", "--name", name]
    subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=LIMIT_S)
    end = time.monotonic() + LIMIT_S
    while (
        b"begun"
        not in subprocess.run(
            [SAGEWRIGHT, "jobs", "logs", name, "--data", str(server.data)], capture_output=True, check=True
        ).stdout
    ):
        assert time.monotonic() < end
        time.sleep(0.2)
    return name


@pytest.fixture(scope="module")
def ended(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder, name = tmp_path_factory.mktemp("ended"), "shell-ended"
    (folder / "quick.py").write_text("print('done')")
    words = [SAGEWRIGHT, "run", "quick.py", "--server", str(server.data), "--name", name]
    subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=LIMIT_S)
    return name


@pytest.fixture(scope="module")
def waiting(server: RunningServer, tmp_path_factory: pytest.TempPathFactory, ended: str) -> Iterator[str]:
    """A job that runs; the one that has ended comes first, since this one holds the machine."""
    name = start(server, tmp_path_factory.mktemp("shell"), "shell-waits")
    yield name
    subprocess.run([SAGEWRIGHT, "jobs", "stop", name, "--data", str(server.data)], check=False, capture_output=True)


class Terminal:
    """`jobs shell` at a terminal of a given size."""

    def __init__(self, server: RunningServer, name: str, rows: int, columns: int) -> None:
        self.pid, self._master = pty.fork()
        if not self.pid:
            os.execv(SAGEWRIGHT, [SAGEWRIGHT, "jobs", "shell", name, "--data", str(server.data)])
        self.resize(rows, columns)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: bytes) -> None:
        os.write(self._master, text)

    def until(self, expected: bytes) -> bytes:
        read, end = b"", time.monotonic() + LIMIT_S
        while expected not in read:
            assert time.monotonic() < end, read
            if select.select([self._master], [], [], 1)[0]:
                read += os.read(self._master, 4096)
        return read

    def status(self, *last: bytes) -> int:
        """Types the last keys, and reads what they bring before the next ones: bash drops what is typed along with an interrupt.
        Types them again while the shell goes on; returns its exit status."""
        end = time.monotonic() + LIMIT_S
        with suppress(OSError):
            for keys in itertools.cycle(last):
                if time.monotonic() > end:
                    break
                self.type(keys)
                while select.select([self._master], [], [], 2)[0] and os.read(self._master, 4096):
                    pass
        os.close(self._master)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_a_command_runs_in_the_directory_and_with_the_variables_of_the_job(server: RunningServer, waiting: str) -> None:
    done = run(server, waiting, "--", "sh", "-c", "cat mark; echo; echo $TRAINING_JOB_NAME; exit 7")
    assert (done.returncode, done.stdout) == (7, f"the job's\n{waiting}\n".encode()), done.stderr
    assert run(server, waiting, "--", "python", "-c", "import sklearn").returncode == 0


def test_input_and_errors_pass_through(server: RunningServer, waiting: str) -> None:
    done = run(server, waiting, "--", "sh", "-c", "cat; echo said >&2", stdin=b"x" * 300_000)
    assert (done.returncode, len(done.stdout), done.stderr) == (0, 300_000, b"said\n")


def test_a_terminal_has_a_shell_that_follows_its_size(server: RunningServer, waiting: str) -> None:
    terminal = Terminal(server, waiting, 31, 71)
    terminal.type(b"stty size; echo rea''dy\n")
    assert b"31 71" in terminal.until(b"ready")
    terminal.resize(42, 99)
    terminal.type(b"until stty size | grep '42 99'; do sleep 0.1; done; echo re''sized\n")
    terminal.until(b"resized")
    terminal.type(b"echo wa''its; sleep 1000\n")
    terminal.until(b"waits")
    assert terminal.status(b"\x03", b"exit 9\n") == 9  # again: bash may not have handed the terminal to `sleep` yet


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["nonsuch"], 1, "There is no training job nonsuch."),
        (["shell-waits", "--host", "algo-2"], 1, "Host algo-2 of shell-waits is not a process of yours on this machine: here"),
        (["shell-waits", "--", "nonsuch"], 127, "nonsuch: No such file or directory"),
        ([], 2, "Name a training job"),
    ],
)  # fmt: skip
def test_what_cannot_be_joined_is_refused(
    server: RunningServer, waiting: str, words: list[str], status: int, message: str
) -> None:
    done = run(server, *words)
    assert (done.returncode, message in done.stderr.decode()) == (status, True), done.stderr


def test_a_job_that_has_ended_has_no_shell(server: RunningServer, ended: str) -> None:
    done = run(server, ended)
    assert done.returncode == 1
    assert done.stderr.decode() == f"sagewright: {ended} is Completed: only a running job has a shell.\n"


def test_a_job_without_a_sandbox_is_joined_too(server_with: Callable[..., RunningServer], tmp_path: Path) -> None:
    server = server_with(SAGEWRIGHT_SANDBOX="plain")
    name = start(server, tmp_path, "shell-plain")
    done = run(server, name, "--", "sh", "-c", "cat mark; echo; echo $TRAINING_JOB_NAME; exit 3")
    assert (done.returncode, done.stdout) == (3, f"the job's\n{name}\n".encode()), done.stderr
