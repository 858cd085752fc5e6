"""The memory that a job's processes share: reservations and liveness."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[1] / "src" / "smdistributed" / "dataparallel" / "torch" / "segment.py"
"""Imported by path: the packages around it would import PyTorch, which makes each start of a process take seconds."""
PAGE = 4096
OTHER = """
import importlib.util, signal, sys
spec = importlib.util.spec_from_file_location("segment", {file!r})
segment = importlib.util.module_from_spec(spec)
spec.loader.exec_module(segment)
own = segment.Segment()
print(*own.take(8 * segment.PAGE, segment.PAGE), own.identity(), flush=True)
own.appear(7)
print("here", flush=True)
signal.pause()
"""


@pytest.fixture
def segment(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    specification = importlib.util.spec_from_file_location("segment", FILE)
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    memory = os.memfd_create("test")
    os.ftruncate(memory, 16 * PAGE)
    monkeypatch.setenv("SAGEWRIGHT_SHARED_MEMORY", f"/proc/{os.getpid()}/fd/{memory}")
    yield module
    os.close(memory)


@pytest.fixture
def other(segment: ModuleType) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", OTHER.format(file=str(FILE))], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def test_parts_do_not_overlap_and_are_free_again_when_their_process_is_killed(
    segment: ModuleType, other: subprocess.Popen[str]
) -> None:
    own = segment.Segment()
    assert other.stdout is not None
    offset, length, identity = other.stdout.readline().split()
    assert (int(offset), int(length), identity) == (0, 8 * PAGE, own.identity())
    assert own.take(8 * PAGE, PAGE) == (8 * PAGE, 8 * PAGE)
    with pytest.raises(segment.NoSharedMemory, match="no 4096 of the 65536 bytes"):
        segment.Segment().take(8 * PAGE, PAGE)
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert segment.Segment().take(16 * PAGE, PAGE) == (0, 8 * PAGE)


def test_a_part_is_used_until_the_last_one_leaves(segment: ModuleType) -> None:
    first, second = segment.Segment(), segment.Segment()
    offset, length = first.take(16 * PAGE, 16 * PAGE)
    second.use(offset, length)
    first.close()
    with pytest.raises(segment.NoSharedMemory):
        segment.Segment().take(PAGE, PAGE)
    second.close()
    assert segment.Segment().take(PAGE, PAGE) == (0, PAGE)


def test_a_killed_process_is_seen_no_more(segment: ModuleType, other: subprocess.Popen[str]) -> None:
    own = segment.Segment()
    assert other.stdout is not None
    other.stdout.readline()
    assert other.stdout.readline() == "here\n"
    assert own.sees(7)
    assert not own.sees(6)
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert not own.sees(7)


def test_a_sleeper_is_woken_and_no_wake_is_lost(segment: ModuleType) -> None:
    memory = segment.Segment().map(0, PAGE)
    cell = ctypes.c_uint32.from_buffer(memory)
    address = ctypes.addressof(cell)

    def write() -> None:
        time.sleep(0.1)
        cell.value = 1
        segment.wake(address)

    began = time.monotonic()
    threading.Thread(target=write).start()
    segment.wait_while(address, 0, 20)
    assert 0.05 < time.monotonic() - began < 10
    segment.wait_while(address, 0, 20)  # the value differs already: no wait
    began = time.monotonic()
    segment.wait_while(address, 1, 0.2)
    assert 0.15 < time.monotonic() - began < 10


def test_without_memory_the_reason_is_said(segment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEWRIGHT_SHARED_MEMORY", "/nowhere")
    with pytest.raises(segment.NoSharedMemory, match="cannot be opened"):
        segment.Segment()
    monkeypatch.delenv("SAGEWRIGHT_SHARED_MEMORY")
    with pytest.raises(segment.NoSharedMemory, match="no memory that its hosts share"):
        segment.Segment()
