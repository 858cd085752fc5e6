"""Explanations for FailureReason: what the agent knows about the end of a failed process, beyond the program's own message."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable

from sagewright.agent.missing import missing_module
from sagewright.runtimes.images import Image

KILLED = 128 + signal.SIGKILL
FAILURE_CHARACTERS = 960
"""Characters of a failure and its explanation that a FailureReason shows in addition to its class, host and exit code."""
_LINE_CHARACTERS = 300
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w{0,60}\.){0,6}[A-Za-z_]\w{0,60}(?:Error|Exception|Exit): ", re.ASCII)


def explanation(image: Image | None, code: int, out_of_memory: str, last: Iterable[str]) -> str:
    """Returns why the process ended with `code`, "" if only the program knows. `image`: that of the environment, None for a
    container; `out_of_memory`: the share's sentence about it; `last`: the last lines of the log."""
    if out_of_memory:
        return out_of_memory
    if code == KILLED:
        said = next((line for line in last if line.startswith("The container needed more than its ")), "")
        return said[:_LINE_CHARACTERS] or (
            "Exit code 137 stands for SIGKILL, which Sagewright did not send: most often the machine had no memory left. Use "
            "smaller batches, or a larger instance type."
        )
    return missing_module(image, last) if image is not None else ""


def last_line(last: Iterable[str]) -> str:
    """Returns the last exception among the lines, else the last line with text, shortened; "" if there is none."""
    lines = [line.strip() for line in last if line.strip()]
    found = [line for line in lines if _EXCEPTION.match(line)] or lines
    return found[-1][:_LINE_CHARACTERS] if found else ""


def explained(failure: str | None, why: str) -> str | None:
    """Returns the program's own failure text with the explanation after it, so short that a FailureReason shows both."""
    if not why:
        return failure
    own = (failure or "")[: FAILURE_CHARACTERS - len(why) - 1].rstrip()
    return f"{own}\n{why}" if own else why
