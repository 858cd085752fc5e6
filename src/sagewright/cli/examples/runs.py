"""One run of an example: its program in a separate process, its lines in a file, and the content of its last line."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sagewright.cli.examples.catalogue import Example, programs
from sagewright.runtimes.uv import uv_program

SKIPPED = 77
"""Exit status of a program that can't run on this machine, by the convention of automake's tests."""
LAST_LINES = 12
LINE_CHARACTERS = 300
TAIL_BYTES = 1 << 16
TERMINATION_S = 10
_VERDICT = re.compile(
    r"(?P<measure>.+) (?P<value>[-+.\dinfae]+), (?P<bound>at least|at most|above|below) (?P<limit>[-+.\dinfae]+), "
    r"(?P<seconds>[.\d]+) s, (?P<link>https?://\S+)"
)


class State(StrEnum):
    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Verdict:
    """The last line of a program that ended well. `bound`: how the value relates to the limit."""

    measure: str
    value: float
    bound: str
    limit: float
    link: str


@dataclass(frozen=True)
class ExampleRun:
    """`seconds`: of the whole program, its imports included. `lines`: the last ones, unless it ended well."""

    name: str
    sdk: str
    state: State
    seconds: float
    verdict: Verdict | None = None
    lines: tuple[str, ...] = ()
    log: str = ""

    def document(self) -> dict[str, Any]:
        """Returns the run as one flat JSON object."""
        flat = asdict(self)
        verdict = flat.pop("verdict") or dict.fromkeys(Verdict.__dataclass_fields__)
        return {**flat, **verdict}


def verdict_of(line: str) -> Verdict | None:
    """Parses the last line of an example; None if it is not one of `result.check`."""
    found = _VERDICT.fullmatch(line.strip())
    if found is None:
        return None
    return Verdict(found["measure"], float(found["value"]), found["bound"], float(found["limit"]), found["link"])


def environ_of(base: Mapping[str, str]) -> dict[str, str]:
    """Adds variables for the examples to those of `sagewright exec`: the module with their data, and uv."""
    return {
        **base,
        "PYTHONPATH": os.pathsep.join([str(programs()), *filter(None, [base.get("PYTHONPATH")])]),
        "PYTHONUNBUFFERED": "1",
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
        "UV": str(uv_program()),
    }


def run(example: Example, python: Path, environ: Mapping[str, str], log: Path, timeout_s: float) -> ExampleRun:
    """Runs a program to its end, or until `timeout_s` is over; whatever it has started ends with it."""
    start = time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(python), "-W", "ignore", str(example.path)],
            env=dict(environ),
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _end(process)
    seconds = time.monotonic() - start
    lines = _last_lines(log)
    verdict = next(filter(None, map(verdict_of, reversed(lines))), None)
    if status == 0 and verdict is not None:
        return ExampleRun(example.name, example.sdk, State.OK, seconds, verdict, log=str(log))
    if status is None:
        lines = (*lines, f"It did not end within {timeout_s:g} s.")
    elif status == 0:
        lines = (*lines, "It ended without a result.")
    state = State.SKIPPED if status == SKIPPED else State.FAILED
    return ExampleRun(example.name, example.sdk, state, seconds, None, lines, str(log))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the program's process group, so that nothing of an interrupted example keeps running."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(TERMINATION_S)
            return


def _last_lines(log: Path) -> tuple[str, ...]:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
        text = stream.read().decode(errors="replace")
    lines = [line.rstrip()[:LINE_CHARACTERS] for line in re.split(r"[\r\n]+", text)]
    printable = ["".join(sign for sign in line if sign.isprintable()) for line in lines]
    return tuple([line for line in printable if line.strip()][-LAST_LINES:])
