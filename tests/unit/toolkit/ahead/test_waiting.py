"""The process of a prepared sandbox becomes any program exactly as the C library would have executed it, in Perl as in Python."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sagewright.agent.cells.waiting import PERL, PROGRAM, has_perl
from sagewright.toolkit.ahead import waiting

PYTHON = [sys.executable, "-I", "-S", waiting.__file__]
WAITERS = [
    pytest.param(PYTHON, id="python"),
    pytest.param(
        [PERL, "-e", PROGRAM],
        id="perl",
        marks=pytest.mark.skipif(not Path(PERL).exists(), reason="this machine has no Perl"),
    ),
]

EXECVP = """
import ctypes, os, sys
name, *words = [os.fsencode(word) for word in sys.argv[1:]]
libc = ctypes.CDLL(None, use_errno=True)
libc.execvp(name, (ctypes.c_char_p * (len(words) + 2))(name, *words, None))
os.write(2, b"bwrap: execvp %s: %s\\n" % (name, os.strerror(ctypes.get_errno()).encode()))
os._exit(1)
"""
SHOW = '#!/bin/sh\nprintf \'%s\\n\' "$0" "$@"; exit 3\n'


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    (tmp_path / "first" / "directory").mkdir(parents=True)
    (tmp_path / "second").mkdir()
    for place, name, text, mode in (
        ("first", "plain", "just text", 0o644),
        ("first", "hidden", SHOW, 0o644),
        ("second", "hidden", SHOW, 0o755),
        ("second", "show", SHOW, 0o755),
        ("second", "unmarked", SHOW.partition("\n")[2], 0o755),
        ("second", "lost", "#!/no/such/interpreter\n", 0o755),
        (".", "here", SHOW, 0o755),
    ):
        file = tmp_path / place / name
        file.write_text(text)
        file.chmod(mode)
    return tmp_path


def waited(waiter: list[str], words: list[str], variables: dict[str, str], cwd: Path) -> tuple[int, str, bytes]:
    """The exit status, the output, and the answer of the waiting process."""
    own, theirs = socket.socketpair()
    with (
        own,
        subprocess.Popen(waiter, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd) as process,
    ):
        theirs.close()
        assert own.recv(1) == b"r"
        parts = [
            str(len(words)),
            str(len(variables)),
            *words,
            *(f"{name}={value}" for name, value in variables.items()),
        ]
        own.sendall(b"".join(os.fsencode(part) + b"\0" for part in parts))
        own.shutdown(socket.SHUT_WR)
        said, _ = process.communicate(timeout=60)
        return process.returncode, said.decode(errors="replace"), own.recv(1)


@pytest.mark.parametrize("waiter", WAITERS)
@pytest.mark.parametrize("name", [
    "show", "unmarked", "hidden", "plain", "lost", "directory", "none", "here", "", "./here", "first/plain", "first",
    "second/unmarked", "first/plain/x", "n" * 300,
])  # fmt: skip
@pytest.mark.parametrize("search", ["{0}/first:{0}/second", "{0}/none::{0}/second"])
def test_it_finds_and_fails_as_execvp(waiter: list[str], programs: Path, name: str, search: str) -> None:
    variables = {"PATH": search.format(programs)}
    words = [name, "an argument", "", "\udcff"]
    expected = subprocess.run(
        [sys.executable, "-c", EXECVP, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        env=variables, cwd=programs,
    )  # fmt: skip
    code, said, answer = waited(waiter, words, variables, programs)
    assert (code, said) == (expected.returncode, expected.stdout.decode(errors="replace"))
    assert answer == (b"x" if expected.stdout.startswith(b"bwrap: ") else b"")


@pytest.mark.parametrize("waiter", WAITERS)
def test_the_program_gets_its_variables_and_signals_and_nothing_else(waiter: list[str], tmp_path: Path) -> None:
    program = """
import os, signal
print(sorted(os.environ.items()), os.readlink("/proc/self/fd/0"), sorted(os.listdir("/proc/self/fd")))
print([line for line in open("/proc/self/status") if line.startswith(("SigIgn", "SigBlk", "SigCgt"))])
"""
    run = [sys.executable, "-I", "-S", "-c", program]
    variables = {"PATH": "/bin", "EQUAL": "a=b", "LINES": "one\ntwo", "EMPTY": ""}
    code, said, _ = waited(waiter, run, variables, tmp_path)
    own = subprocess.run(run, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (code, said) == (0, own.stdout)


@pytest.mark.parametrize("waiter", WAITERS)
def test_without_a_job_it_ends(waiter: list[str]) -> None:
    own, theirs = socket.socketpair()
    with subprocess.Popen(waiter, stdin=theirs) as process:
        theirs.close()
        own.recv(1)
        own.close()
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("says", "suits"), [("exit 7", True), ("echo 'Setting locale failed.' >&2; exit 7", False), ("exit 0", False)]
)
def test_a_perl_that_would_speak_in_a_jobs_log_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, suits: bool
) -> None:
    perl = tmp_path / "perl"
    perl.write_text(f"#!/bin/sh\n{says}\n")
    perl.chmod(0o755)
    monkeypatch.setattr("sagewright.agent.cells.waiting.PERL", str(perl))
    assert has_perl.__wrapped__() is suits
    monkeypatch.setattr("sagewright.agent.cells.waiting.PERL", str(tmp_path / "none"))
    assert not has_perl.__wrapped__()
