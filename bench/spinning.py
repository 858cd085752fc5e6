"""What GOMP_SPINCOUNT, as jobs are given it, does for trainings on idle cores and beside a busy one: with it and without, in turns.

The environments are those that jobs of the images would use; a program whose environment was never made here is left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rows import Row, median, spread
from server import CACHE

from sagewright.agent.process.environ import SPIN, SPINS

SECTION = "o"
ROUNDS = 5
PEER = "the same without it"
LIMITS = "threads that block must be woken: 5 to 20 us each time"
PROGRAMS = {"sklearn": "spinning_forest.py", "pytorch": "spinning_net.py"}


def measure() -> list[Row]:
    rows = []
    for framework, program in PROGRAMS.items():
        for python in list(Path(CACHE / "environments").glob(f"{framework}-near-*/bin/python"))[:1]:
            for beside in (False, True):
                pairs = _pairs(python, program, beside)
                ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
                what = f"{framework} training with {SPIN}={SPINS}, {'beside a busy core' if beside else 'alone'}"
                rows.append(Row(SECTION, what, median(ours), "s", PEER, median(theirs), LIMITS, spread(ours, "s")))
    return rows


def _pairs(python: Path, program: str, beside: bool) -> list[tuple[float, float]]:
    plain = {name: value for name, value in os.environ.items() if name != SPIN}
    plain["OMP_NUM_THREADS"] = str(os.cpu_count())
    with _busy(beside):
        return [
            (_seconds(python, program, {**plain, SPIN: SPINS}), _seconds(python, program, plain)) for _ in range(ROUNDS)
        ]


def _seconds(python: Path, program: str, environ: dict[str, str]) -> float:
    place = Path(__file__).parent / "programs" / program
    done = subprocess.run([python, place], env=environ, capture_output=True, text=True, check=True)
    return float(done.stdout)


@contextmanager
def _busy(beside: bool) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if beside else None
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()
