"""Samples of a host's use of its share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from sagewright.agent.process import usage
from sagewright.agent.process.usage import CPU, MEMORY, UsageMeter


class Share:
    """A share of 1,000 bytes whose group has used the given amounts."""

    memory_bytes = 1000

    def __init__(self, used: Iterator[tuple[float, int] | None]) -> None:
        self._used = used

    def used(self) -> tuple[float, int] | None:
        return next(self._used)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_cpu_is_counted_between_samples_and_memory_at_them() -> None:
    clock = Clock()
    meter = UsageMeter(Share(iter([(1.0, 100), (2.5, 500)])), clock)  # type: ignore[arg-type]
    assert meter.sample() == []
    clock.now += 1
    assert meter.sample() == [(MEMORY, 10.0)]
    clock.now += 0.5
    assert meter.sample() == []
    clock.now += 0.5
    assert meter.sample() == [(CPU, 150.0), (MEMORY, 50.0)]


def test_samples_become_rarer() -> None:
    clock = Clock()
    meter = UsageMeter(Share(iter([(0.0, 1)] * 10_000)), clock)  # type: ignore[arg-type]
    taken = []
    for _ in range(1000):
        clock.now += 1
        if meter.sample():
            taken.append(clock.now - 100)
    assert len([at for at in taken if at < 120]) == 119
    assert len([at for at in taken if 120 <= at < 600]) <= 97
    assert len([at for at in taken if at >= 600]) <= 28


def test_without_a_group_processes_are_summed_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(usage, "of_processes", lambda: (3.0, 250))
    meter = UsageMeter(Share(iter([None] * 10)), clock)  # type: ignore[arg-type]
    clock.now += 2
    assert meter.sample() == []
    clock.now += 4
    assert meter.sample() == [(MEMORY, 25.0)]


def test_processes_below_this_one_are_counted() -> None:
    program = "held = bytearray(50 << 20); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        cpu_s, memory = usage.of_processes()
        child.communicate(b"\n")
    assert cpu_s > 0
    assert memory > 50 << 20
