"""`python -m sagewright.toolkit.functions`: one invocation of a function, in a separate process with a time limit.

This process runs no code of the function: it unpacks the archive, starts a child that calls the handler, ends it when its time is
over, and leaves the result for the agent. Source: AWS's developer guide, "Building Lambda functions with Python".
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

from sagewright.toolkit.functions.archive import FunctionArchiveRefused, unpack
from sagewright.toolkit.functions.events import INIT_S, MOST_RESPONSE, FunctionAnswer, FunctionInvocation

_UNPACKED = "task"


def main(root: Path) -> int:
    place = root / "function"
    invocation = FunctionInvocation.read(place / "invocation.json")
    print(f"START RequestId: {invocation.request_id} Version: $LATEST", flush=True)
    began = time.monotonic()
    try:
        archive = next(path for path in sorted((place / "code").iterdir()) if path.is_file())
        unpack(archive, place / _UNPACKED)
        answer = _call(place, invocation)
    except (FunctionArchiveRefused, StopIteration, OSError) as error:
        answer = FunctionAnswer.fault("Runtime.BadArchive", f"The function's code can't be unpacked: {error}")
    _report(invocation, time.monotonic() - began)
    message = root / "output" / "message"
    message.parent.mkdir(parents=True, exist_ok=True)
    message.write_text(answer.document())
    return 0


def _call(place: Path, invocation: FunctionInvocation) -> FunctionAnswer:
    """Returns the result of the child that calls the handler."""
    result, (reading, writing) = place / "result.json", os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setpgid(0, 0)
        from sagewright.toolkit.functions.handling import handle

        handle(place / _UNPACKED, result, invocation, writing)
        os._exit(1)  # never reached
    os.close(writing)
    status = _await(child, reading, invocation.timeout_s)
    os.close(reading)
    if status is None:
        text = f"RequestId: {invocation.request_id} Error: Task timed out after {invocation.timeout_s:.2f} seconds"
        print(text.replace(" Error:", ""), flush=True)
        return FunctionAnswer.fault("Sandbox.Timedout", text)
    if status != 0:
        text = f"RequestId: {invocation.request_id} Error: Runtime exited with error: {_how(status)}"
        print(text, flush=True)
        return FunctionAnswer.fault("Runtime.ExitError", text)
    return _read(result, invocation)


def _await(child: int, reading: int, timeout_s: float) -> int | None:
    """Returns the wait status of the child, None if it timed out. The child sends a byte when its handler begins; until then it has
    INIT_S."""
    deadline, begun = time.monotonic() + INIT_S, False
    ended = _watched(child)
    while (left := deadline - time.monotonic()) > 0 or not begun:
        if left <= 0:
            deadline, begun = time.monotonic() + timeout_s, True
            continue
        sources = [source for source in (ended, None if begun else reading) if source is not None]
        ready, _, _ = select.select(sources, [], [], min(left, 60.0 if ended is not None else 0.02))
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        if reading in ready:
            deadline, begun = time.monotonic() + timeout_s, True
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _watched(child: int) -> int | None:
    """Returns a descriptor that signals its end, if supported."""
    try:
        return os.pidfd_open(child) if hasattr(os, "pidfd_open") else None
    except OSError:
        return None


def _how(status: int) -> str:
    """Describes the status as Lambda's runtime does."""
    if os.WIFSIGNALED(status):
        return f"signal: {_name(signal.Signals(os.WTERMSIG(status)))}"
    return f"exit status {os.WEXITSTATUS(status)}"


def _name(number: signal.Signals) -> str:
    known = {signal.SIGKILL: "killed", signal.SIGSEGV: "segmentation fault", signal.SIGABRT: "aborted"}
    return known.get(number, number.name)


def _read(result: Path, invocation: FunctionInvocation) -> FunctionAnswer:
    try:
        with result.open("rb") as file:
            payload, kind = json.loads(file.read(MOST_RESPONSE + 1))
    except (OSError, ValueError, TypeError):
        text = f"RequestId: {invocation.request_id} Error: Runtime exited without providing a reason"
        return FunctionAnswer.fault("Runtime.ExitError", text)
    return FunctionAnswer(str(payload), "Unhandled" if kind else "")


def _report(invocation: FunctionInvocation, took_s: float) -> None:
    most_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    head = f"RequestId: {invocation.request_id}"
    print(f"END {head}")
    print(
        f"REPORT {head}\tDuration: {took_s * 1000:.2f} ms\tBilled Duration: {-int(-took_s * 1000 // 1)} ms\t"
        f"Memory Size: {invocation.memory_mb} MB\tMax Memory Used: {most_mb:.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main(Path(os.environ.get("SAGEWRIGHT_ML_ROOT", "/opt/ml"))))
