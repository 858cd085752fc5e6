"""One piece of data, ours and the peers on it: CPU seconds, quality and memory, each run in a process of its own."""

from __future__ import annotations

import contextlib
import os
import pickle
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from sagewright.algorithms.schema import catalogue

ROUNDS = 3
OURS = "Sagewright"


@dataclass(frozen=True)
class Entrant:
    """`run(seed)` is what is timed; `judge` gives the quality of what it returned, on data that nothing was tuned on.

    `note` tells what the reader has to know of it (its settings, why it loses).
    """

    name: str
    run: Callable[[int], Any]
    judge: Callable[[Any], float]
    note: str = ""

    @property
    def ours(self) -> bool:
        return self.name.startswith(OURS)


@dataclass(frozen=True)
class Contest:
    """`data` in words, with its shape; `quality` names what `judge` gives, and `better` says which way."""

    data: str
    quality: str
    better: Literal["more", "less"]
    entrants: Sequence[Entrant]
    rounds: int = ROUNDS


@dataclass(frozen=True)
class BenchRow:
    """Medians over the rounds: CPU `seconds` of one thread, `quality`, and `megabytes` that the run added at its peak."""

    algorithm: str
    data: str
    quality_name: str
    better: str
    implementation: str
    seconds: float
    quality: float
    megabytes: float
    note: str

    def document(self) -> dict[str, Any]:
        return asdict(self)


def rehearse(algorithm: str) -> None:
    """Have what the algorithm's jobs compile kept, as the agent does before the first of them."""
    declaration = catalogue.find(algorithm)
    if declaration is not None and declaration.kernels is not None and not declaration.kernels.by:
        module, _, function = declaration.kernels.rehearse.partition(":")
        subprocess.run([sys.executable, "-c", f"import {module} as found; found.{function}({{}})"], check=True)


def hold(algorithm: str, contest: Contest) -> Iterator[BenchRow]:
    """A row for each entrant; they take turns. Raises RuntimeError when one fails."""
    found: dict[str, list[tuple[float, float, float]]] = {entrant.name: [] for entrant in contest.entrants}
    for seed in range(contest.rounds):
        for entrant in contest.entrants:
            found[entrant.name].append(alone(entrant, seed))
    for entrant in contest.entrants:
        seconds, quality, megabytes = (statistics.median(each) for each in zip(*found[entrant.name], strict=True))
        yield BenchRow(
            algorithm, contest.data, contest.quality, contest.better, entrant.name, seconds, quality, megabytes,
            entrant.note,
        )  # fmt: skip


def alone(entrant: Entrant, seed: int) -> tuple[float, float, float]:
    """(CPU seconds, quality, MB) of one run in a fork of this process. Raises RuntimeError when it fails."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "wb") as stream:
            pickle.dump(_answer(entrant, seed), stream)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    result = pickle.loads(answer) if answer else "it died"
    if isinstance(result, str):
        raise RuntimeError(f"{entrant.name}: {result}")
    return result


def _answer(entrant: Entrant, seed: int) -> tuple[float, float, float] | str:
    try:
        with Path(os.devnull).open("w") as nothing, contextlib.redirect_stdout(nothing):
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
            before, began = _memory("VmRSS"), time.process_time()
            model = entrant.run(seed)
            seconds = time.process_time() - began
            megabytes = max(0.0, _memory("VmHWM") - before)
            return seconds, float(entrant.judge(model)), megabytes
    except BaseException:
        traceback.print_exc(file=sys.stderr)
        return traceback.format_exc(limit=-1)


def _memory(name: str) -> float:
    """A line of /proc/self/status, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return float(line.split()[1]) / 1024
    return 0.0
