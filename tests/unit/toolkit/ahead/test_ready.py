"""A toolkit that waits for a built-in algorithm's job, with its modules imported, and what it does once it receives it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import sagewright

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
SOURCES = Path(sagewright.__file__).parent.parent
MARKER = """
import os
from sagewright.algorithms import run
os.environ["CHANGED"] = "by an import"
os.environ.pop("REMOVED", None)
shown = ("PLAIN", "CHANGED", "REMOVED", "OMP_NUM_THREADS")
run.main = lambda arguments: print("here", arguments, {name: os.environ.get(name) for name in shown}) or 7
"""
ALGORITHM = ["python", "-m", "sagewright.algorithms", "kmeans:1", "train"]
USAGE = ["python", "-m", "sagewright.algorithms", "kmeans:1", "no such command"]


@dataclass
class Waiting:
    """The process, and the agent's end of its standard input."""

    process: subprocess.Popen[str]
    agent: socket.socket
    path: str

    def tell(self, argv: list[str], *, own: bool = False, **variables: str) -> tuple[int, str]:
        """Its exit code and what it has written."""
        environ = {"PATH": PATH, "PYTHONPATH": self.path, "LANG": "C.UTF-8", **variables}
        self.agent.sendall(json.dumps({"argv": argv, "environ": environ, "own": own}).encode())
        self.agent.shutdown(socket.SHUT_WR)
        said = self.process.communicate(timeout=60)[0]
        self.agent.close()
        return self.process.returncode, said


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "marker.py").write_text(MARKER)
    (tmp_path / "broken.py").write_text("raise RuntimeError('no')")
    return f"{SOURCES}:{tmp_path}"


def waiting(path: str, ahead: str) -> Waiting:
    """One that is ready, with these modules to import meanwhile, each of which it has."""
    agent, theirs = socket.socketpair()
    environ = {
        "PATH": PATH, "PYTHONPATH": path, "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "2", "REMOVED": "at first", "SAGEWRIGHT_AHEAD": ahead,
    }  # fmt: skip
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "sagewright.toolkit", "train"],
            stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environ,
        )  # fmt: skip
    assert agent.recv(1) == b"r"
    until_it_reads(process.pid)
    return Waiting(process, agent, path)


def until_it_reads(pid: int) -> None:
    while not Path(f"/proc/{pid}/wchan").read_text().startswith(("unix_stream", "skb_wait", "__skb")):
        assert Path(f"/proc/{pid}").exists()


def test_the_algorithm_goes_on_in_the_process_that_has_its_modules(path: str) -> None:
    code, said = waiting(path, "marker").tell(ALGORITHM, OMP_NUM_THREADS="2", PLAIN="p", REMOVED="again")
    described = {"PLAIN": "p", "CHANGED": "by an import", "REMOVED": None, "OMP_NUM_THREADS": "2"}
    assert (code, said) == (7, f"here {ALGORITHM[3:]} {described}\n")


@pytest.mark.parametrize(
    ("own", "threads"),
    [
        pytest.param(True, "2", id="it brings variables"),
        pytest.param(False, "1", id="its libraries would have been loaded with other variables"),
    ],
)
def test_it_is_a_new_python_where_that_might_be_another(path: str, own: bool, threads: str) -> None:
    code, said = waiting(path, "marker").tell(USAGE, own=own, OMP_NUM_THREADS=threads)
    assert code == 64, said
    assert said.startswith("usage: ")


def test_any_other_program_is_executed(path: str) -> None:
    code, said = waiting(path, "marker").tell(["sh", "-c", "echo $0 $OMP_NUM_THREADS; exit 3"], OMP_NUM_THREADS="2")
    assert (code, said) == (3, "sh 2\n")


def test_a_module_that_fails_fails_in_the_job(path: str) -> None:
    code, said = waiting(path, "broken,marker").tell(USAGE, OMP_NUM_THREADS="2")
    assert code == 64, said
    assert said.startswith("usage: ")


def test_one_that_is_told_nothing_ends(path: str) -> None:
    one = waiting(path, "marker")
    one.agent.close()
    assert one.process.communicate(timeout=60)[0] == ""
    assert one.process.returncode == 0
