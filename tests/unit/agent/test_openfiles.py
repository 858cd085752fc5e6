"""Files that processes have open: those without a name count, once, and those in memory don't."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sagewright.agent.openfiles import unlinked_bytes
from sagewright.sandbox.kernel import descendants

MIB = 1 << 20


@pytest.fixture
def tmp_path(on_disk: Path) -> Path:
    """Files in memory are no use of a disk."""
    return on_disk


@pytest.fixture
def holder() -> Iterator[Callable[[str], int]]:
    """Runs a line of Python that opens things, and keeps them; the pid."""
    started = []

    def run(script: str) -> int:
        lines = f"import os, mmap, sys\n{script}\nprint('held', flush=True)\nsys.stdin.read()\n"
        process = subprocess.Popen([sys.executable, "-c", lines], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        return process.pid

    yield run
    for process in started:
        process.communicate()


def held(*pids: int) -> float:
    return unlinked_bytes(pids, lambda: None) / MIB


WRITE = "f = open({path!r}, 'wb+'); f.write(b'x' * (3 << 20)); f.flush(); os.unlink({path!r})"


def test_a_file_without_a_name_counts_once(holder: Callable[[str], int], tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    pid = holder(f"{WRITE.format(path=path)}; g = os.dup(f.fileno()); h = os.fork() == 0 and sys.stdin.read()")
    assert held(pid, *descendants(pid)) == pytest.approx(3, abs=0.1)


def test_a_volume_in_memory_counts_as_one_on_disk(holder: Callable[[str], int]) -> None:
    memory = Path("/dev/shm")
    path = str(memory / f"nameless-{os.getpid()}")
    pid = holder(WRITE.format(path=path))
    assert held(pid) == 0
    assert unlinked_bytes([pid], lambda: None, memory.stat().st_dev) / MIB == pytest.approx(3, abs=0.1)


def test_a_temporary_file_that_never_had_a_name(holder: Callable[[str], int], tmp_path: Path) -> None:
    pid = holder(f"f = os.open({str(tmp_path)!r}, os.O_TMPFILE | os.O_RDWR); os.write(f, b'x' * (2 << 20))")
    assert held(pid) == pytest.approx(2, abs=0.1)


def test_a_file_that_is_mapped_and_closed(holder: Callable[[str], int], tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    pid = holder(f"{WRITE.format(path=path)}; m = mmap.mmap(f.fileno(), 0); f.close()")
    assert held(pid) == pytest.approx(3, abs=0.1)


def test_files_with_names_and_files_in_memory_do_not_count(holder: Callable[[str], int], tmp_path: Path) -> None:
    pid = holder(
        f"f = open({str(tmp_path / 'named')!r}, 'wb'); f.write(b'x' * (2 << 20)); f.flush()\n"
        "m = os.memfd_create('memory'); os.write(m, b'x' * (2 << 20))\n"
        "s = open('/dev/shm/sagewright-test', 'wb'); s.write(b'x' * (2 << 20)); s.flush(); os.unlink('/dev/shm/sagewright-test')"
    )
    assert held(pid) == 0


def test_all_descendants_are_found(holder: Callable[[str], int]) -> None:
    pid = holder("if os.fork() == 0:\n    os.fork()\n    sys.stdin.read()\n    os._exit(0)")
    until = time.monotonic() + 10
    while len(descendants(pid)) != 2:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert descendants(0x3FFFFF) == []
